//! NVIDIA's CUDA.

use crate::{Result, ffi};

/// Whether this build and machine have CUDA.
#[track_caller]
pub fn is_available() -> Result<bool> {
    ffi::backend::has_cuda()
}
