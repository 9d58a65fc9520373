//! An owned `mlx_array`.

use std::alloc::{Layout, handle_alloc_error};
use std::ffi::c_void;
use std::slice;

use mlx_sys as sys;

use super::owned::Owned;
use super::{call, failure, pool, string};
use crate::{Array, Dtype, Element, Error, Kind, Result};

/// Owns one array descriptor. The pointer inside makes it neither `Send` nor `Sync`, which MLX needs:
/// descriptors change without synchronisation when they are evaluated.
pub(crate) struct Handle(Owned<sys::mlx_array>);

impl Handle {
    pub(super) fn empty() -> Self {
        Self(Owned::empty())
    }

    pub(super) fn from_owned(owned: Owned<sys::mlx_array>) -> Self {
        Self(owned)
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut sys::mlx_array {
        self.0.as_mut_ptr()
    }

    /// A row-contiguous array that holds a copy of `data`.
    ///
    /// # Errors
    /// `data` does not fill `shape`, or there is no memory.
    #[track_caller]
    pub(crate) fn copy_of<T: Element>(op: &'static str, data: &[T], shape: &[i32]) -> Result<Self> {
        let fills = T::DTYPE.bytes_of(shape) == Some(size_of_val(data));
        let Some(rank) = i32::try_from(shape.len()).ok().filter(|_| fills) else {
            let message = format!("{} elements do not fill shape {shape:?}", data.len());
            return Err(Error::new(Kind::Shape, op, message));
        };
        pool::prepare();
        let mut out = Self::empty();
        call::without_queue(op, || {
            let data = data.as_ptr().cast::<c_void>();
            // SAFETY: C copies as many elements as `shape` multiplies to, which is the length of `data`, and
            // the types of `Element` lie in memory as the dtype says.
            unsafe { sys::mlx_array_set_data(out.as_mut_ptr(), data, shape.as_ptr(), rank, T::DTYPE.raw()) }
        })?;
        Ok(out)
    }
}

impl Clone for Handle {
    /// Another handle of the same array. As with `Rc`, no memory for one ends the process.
    fn clone(&self) -> Self {
        let mut copy = Self::empty();
        // SAFETY: both are handles of this module; C copies the shared pointer inside.
        let status =
            call::without_queue("clone", || unsafe { sys::mlx_array_set(copy.as_mut_ptr(), self.0.raw()) });
        match status {
            Ok(()) => copy,
            Err(_) => handle_alloc_error(Layout::new::<Self>()),
        }
    }
}

impl Array {
    /// Refuses the result of an op whose bytes do not fit in memory or whose length is negative.
    ///
    /// MLX multiplies lengths without a check, and its kernels write as many elements as the shape says into
    /// a buffer of the wrapped size.
    #[track_caller]
    pub(super) fn check_shape(&self, op: &'static str) -> Result<()> {
        // SAFETY: reads the lengths of a live descriptor.
        if unsafe { sys::mlx_shim_array_fits(self.raw()) } {
            return Ok(());
        }
        let message = format!("the result would have shape {:?}, which does not fit in memory", self.shape());
        Err(Error::new(Kind::Shape, op, message))
    }

    pub(super) fn raw(&self) -> sys::mlx_array {
        self.handle().0.raw()
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

    /// Bytes of one element.
    pub fn itemsize(&self) -> usize {
        call::prepare();
        // SAFETY: reads the type of a live descriptor.
        unsafe { sys::mlx_array_itemsize(self.raw()) }
    }

    /// Bytes of the elements.
    pub fn nbytes(&self) -> usize {
        call::prepare();
        // SAFETY: multiplies numbers of a live descriptor.
        unsafe { sys::mlx_array_nbytes(self.raw()) }
    }

    /// MLX's own text of the values.
    #[track_caller]
    pub(crate) fn text(&self) -> Result<String> {
        let text = string::read("array", |out| {
            // SAFETY: fills a string that `read` owns from a live array.
            unsafe { sys::mlx_array_tostring(out, self.raw()) }
        })?;
        failure::report("array").map(|()| text)
    }
}
