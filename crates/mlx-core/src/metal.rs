//! Apple's Metal: whether it is there, and recordings of its work for Xcode.

use std::path::Path;

use crate::{Error, Kind, Result, ffi};

/// Whether this build and machine have Metal.
#[track_caller]
pub fn is_available() -> Result<bool> {
    ffi::backend::has_metal()
}

/// The file with MLX's compiled kernels.
///
/// # Errors
/// There is no Metal.
#[track_caller]
pub fn metallib_path() -> Result<String> {
    ffi::backend::metallib_path()
}

/// Starts to record the GPU's work into a `.gputrace` file. `MTL_CAPTURE_ENABLED=1` must be set.
///
/// # Errors
/// There is no Metal, or it refuses to record.
#[track_caller]
pub fn start_capture(path: impl AsRef<Path>) -> Result<()> {
    need("start_capture")?;
    ffi::backend::start_capture(path.as_ref())
}

/// Ends the recording.
///
/// # Errors
/// There is no Metal.
#[track_caller]
pub fn stop_capture() -> Result<()> {
    need("stop_capture")?;
    ffi::backend::stop_capture()
}

#[track_caller]
fn need(op: &'static str) -> Result<()> {
    match is_available()? {
        true => Ok(()),
        false => Err(Error::new(Kind::Device, op, "Metal is not there in this build on this machine")),
    }
}
