//! Memory of computed arrays that several threads may read.

use mlx_sys as sys;

use super::owned::Owned;
use super::{Handle, call};
use crate::{Array, Result};

/// A descriptor that no array shares, over the memory of a computed array.
pub(crate) struct Shared(Owned<sys::mlx_array>);

// SAFETY: MLX has computed the memory and been waited for, and writes to memory again only where one handle of
// it is left: that handle is then this one, which computes nothing. What MLX counts, handles of descriptors and
// of memory, it counts atomically, and its allocator takes memory back under a lock. So the last handle may be
// dropped on any thread.
unsafe impl Send for Shared {}

// SAFETY: the descriptor is never computed, waited for or handed out, so nothing writes to it. The only call
// with it copies its fields, and adds a handle of the memory to an atomic count.
unsafe impl Sync for Shared {}

impl Shared {
    /// Shares the memory of `array`, which is computed first.
    #[track_caller]
    pub(crate) fn of(array: &Array) -> Result<Self> {
        // SAFETY: computes a live array.
        call::computed("eval", || unsafe { sys::mlx_array_eval(array.raw()) })?;
        // SAFETY: waits until a live array that was computed can be read, and notes that in it.
        call::status("wait", || unsafe { sys::_mlx_array_wait(array.raw()) })?;
        let mut out = Owned::empty();
        // SAFETY: fills a handle that `out` owns from a live array of this thread.
        call::status("freeze", || unsafe { sys::mlx_shim_array_share(out.as_mut_ptr(), array.raw()) })?;
        Ok(Self(out))
    }

    /// An array of this thread over the same memory, with a descriptor of its own.
    #[track_caller]
    pub(crate) fn array(&self) -> Result<Array> {
        let mut out = Handle::empty();
        // SAFETY: fills a handle that `out` owns from a live one, which C only reads.
        call::status("thaw", || unsafe { sys::mlx_shim_array_share(out.as_mut_ptr(), self.0.raw()) })?;
        Ok(Array::from_handle(out))
    }
}
