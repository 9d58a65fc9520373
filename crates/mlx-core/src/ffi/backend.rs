//! What MLX says of Metal and CUDA.

use std::ffi::c_int;
use std::path::Path;

use mlx_sys as sys;

use super::{call, string};
use crate::{Error, Kind, Result};

#[track_caller]
fn is_available(f: unsafe extern "C" fn(*mut bool) -> c_int) -> Result<bool> {
    let mut available = false;
    // SAFETY: both functions write one bool.
    call::status("device", || unsafe { f(&raw mut available) })?;
    Ok(available)
}

/// Whether this build and machine have Metal.
#[track_caller]
pub(crate) fn has_metal() -> Result<bool> {
    is_available(sys::mlx_metal_is_available)
}

/// Whether this build and machine have CUDA.
#[track_caller]
pub(crate) fn has_cuda() -> Result<bool> {
    is_available(sys::mlx_cuda_is_available)
}

/// Where MLX's compiled kernels are.
#[track_caller]
pub(crate) fn metallib_path() -> Result<String> {
    // SAFETY: fills a string that `read` owns.
    string::read("metallib_path", |out| unsafe { sys::mlx_metal_get_metallib_path(out) })
}

/// Starts to record GPU work.
#[track_caller]
pub(crate) fn start_capture(path: &Path) -> Result<()> {
    let Some(text) = path.to_str() else {
        return Err(Error::new(Kind::Io, "start_capture", format!("{path:?} is not UTF-8")));
    };
    let path = string::terminated("start_capture", text)?;
    // SAFETY: C copies a terminated string.
    call::status("start_capture", || unsafe { sys::mlx_metal_start_capture(path.as_ptr()) })
}

/// Ends a recording.
#[track_caller]
pub(crate) fn stop_capture() -> Result<()> {
    // SAFETY: takes nothing.
    call::status("stop_capture", || unsafe { sys::mlx_metal_stop_capture() })
}
