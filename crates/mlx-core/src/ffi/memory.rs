//! MLX's counters of memory, for the whole process.

use std::ffi::c_int;

use mlx_sys as sys;

use super::call;
use crate::Result;

#[track_caller]
fn read(f: unsafe extern "C" fn(*mut usize) -> c_int) -> Result<usize> {
    let mut bytes = 0;
    // SAFETY: each of these functions writes one number.
    call::status("memory", || unsafe { f(&raw mut bytes) })?;
    Ok(bytes)
}

#[track_caller]
pub(crate) fn active() -> Result<usize> {
    read(sys::mlx_get_active_memory)
}

#[track_caller]
pub(crate) fn peak() -> Result<usize> {
    read(sys::mlx_get_peak_memory)
}

#[track_caller]
pub(crate) fn cache() -> Result<usize> {
    read(sys::mlx_get_cache_memory)
}

#[track_caller]
pub(crate) fn reset_peak() -> Result<()> {
    // SAFETY: takes no argument; MLX locks its counters.
    call::status("memory", || unsafe { sys::mlx_reset_peak_memory() })
}

#[track_caller]
pub(crate) fn clear_cache() -> Result<()> {
    // SAFETY: frees only buffers that no array uses.
    call::status("memory", || unsafe { sys::mlx_clear_cache() })
}

/// Sets a limit and returns the one before.
#[track_caller]
fn replace(f: unsafe extern "C" fn(*mut usize, usize) -> c_int, bytes: usize) -> Result<usize> {
    call::check_thread("memory")?;
    exchange(f, bytes)
}

/// The same on any thread, even while that ends.
#[track_caller]
fn exchange(f: unsafe extern "C" fn(*mut usize, usize) -> c_int, bytes: usize) -> Result<usize> {
    let mut before = 0;
    // SAFETY: each of these functions takes one number and writes another.
    call::without_queue("memory", || unsafe { f(&raw mut before, bytes) })?;
    Ok(before)
}

#[track_caller]
pub(crate) fn limit() -> Result<usize> {
    read(sys::mlx_get_memory_limit)
}

#[track_caller]
pub(crate) fn set_limit(bytes: usize) -> Result<usize> {
    replace(sys::mlx_set_memory_limit, bytes)
}

#[track_caller]
pub(crate) fn set_cache_limit(bytes: usize) -> Result<usize> {
    replace(sys::mlx_set_cache_limit, bytes)
}

#[track_caller]
pub(crate) fn set_wired_limit(bytes: usize) -> Result<usize> {
    exchange(sys::mlx_set_wired_limit, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a handler of ours, mlx-c's own would end the process here.
    #[test]
    fn s1_the_error_handler_is_there_before_the_wired_limit_is_set() {
        set_wired_limit(0).unwrap();
        let mut index = 0;
        // SAFETY: an empty handle, which C refuses; it writes at most one number.
        let status = unsafe { sys::mlx_stream_get_index(&raw mut index, sys::mlx_stream_new()) };
        assert_ne!(status, 0);
    }
}
