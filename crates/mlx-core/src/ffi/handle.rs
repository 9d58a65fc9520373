//! An owned `mlx_array`.

use std::ffi::c_void;
use std::slice;

use mlx_sys as sys;

use super::{call, string};
use crate::{Array, Dtype, Element, Result};

/// Owns one array descriptor. The pointer inside makes it neither `Send` nor `Sync`, which MLX needs:
/// descriptors change without synchronisation when they are evaluated.
pub(crate) struct Handle(sys::mlx_array);

impl Handle {
    pub(super) fn empty() -> Self {
        Self(sys::mlx_array { ctx: std::ptr::null_mut() })
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut sys::mlx_array {
        &raw mut self.0
    }

    /// A row-contiguous array that holds a copy of `data`, whose length must be the product of `shape`.
    pub(crate) fn copy_of<T: Element>(data: &[T], shape: &[i32]) -> Self {
        debug_assert_eq!(data.len() as i64, shape.iter().map(|&n| i64::from(n)).product::<i64>());
        call::prepare();
        let rank = i32::try_from(shape.len()).unwrap_or(i32::MAX);
        // SAFETY: C copies as many elements as `shape` multiplies to, which is `data.len()`, and the types
        // of `Element` lie in memory as the dtype says.
        Self(unsafe {
            sys::mlx_array_new_data(data.as_ptr().cast::<c_void>(), shape.as_ptr(), rank, T::DTYPE.raw())
        })
    }
}

impl Clone for Handle {
    /// Another handle of the same array. If C cannot allocate one, it is empty, and ops refuse it.
    fn clone(&self) -> Self {
        call::prepare();
        let mut copy = Self::empty();
        // SAFETY: both are handles of this module; C copies the shared pointer inside.
        unsafe { sys::mlx_array_set(copy.as_mut_ptr(), self.0) };
        copy
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is owned and used no more; an empty one is allowed.
        unsafe { sys::mlx_array_free(self.0) };
    }
}

impl Array {
    pub(super) fn raw(&self) -> sys::mlx_array {
        self.handle().0
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[i32] {
        call::prepare();
        // SAFETY: C returns its own array of `ndim` lengths, which lives and stays as it is while the
        // descriptor does, and the borrow of `self` keeps that alive.
        unsafe {
            let lengths = sys::mlx_array_shape(self.raw());
            if lengths.is_null() {
                &[]
            } else {
                slice::from_raw_parts(lengths, sys::mlx_array_ndim(self.raw()))
            }
        }
    }

    /// The type of the elements.
    pub fn dtype(&self) -> Dtype {
        call::prepare();
        // SAFETY: reads a field of a live descriptor.
        Dtype::from_raw(unsafe { sys::mlx_array_dtype(self.raw()) })
    }

    /// The number of elements.
    pub fn size(&self) -> usize {
        call::prepare();
        // SAFETY: multiplies the lengths of a live descriptor.
        unsafe { sys::mlx_array_size(self.raw()) }
    }

    /// MLX's own text of the values.
    #[track_caller]
    pub(crate) fn text(&self) -> Result<String> {
        string::read("array", |out| {
            // SAFETY: fills a string that `read` owns from a live array.
            unsafe { sys::mlx_array_tostring(out, self.raw()) }
        })
    }
}
