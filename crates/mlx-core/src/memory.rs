//! What MLX's allocator holds, in bytes, for the whole process.

use crate::{Result, ffi};

/// Memory that arrays use now.
#[track_caller]
pub fn active() -> Result<usize> {
    ffi::memory::active()
}

/// The most that arrays used since the start or the last [`reset_peak`].
#[track_caller]
pub fn peak() -> Result<usize> {
    ffi::memory::peak()
}

/// Memory kept for reuse that no array uses.
#[track_caller]
pub fn cache() -> Result<usize> {
    ffi::memory::cache()
}

/// Forgets the peak: it is zero until the next allocation, and not what is active now.
#[track_caller]
pub fn reset_peak() -> Result<()> {
    ffi::memory::reset_peak()
}

/// Gives memory kept for reuse back to the system.
#[track_caller]
pub fn clear_cache() -> Result<()> {
    ffi::memory::clear_cache()
}
