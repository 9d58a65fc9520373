//! Arrays of one number, and of memory that Rust gives away.

use std::ffi::c_void;

use mlx_sys as sys;

use super::owned::Owned;
use super::{Handle, call, error};
use crate::{Complex64, Element, Error, Kind, Result};

impl Handle {
    /// A row-contiguous array of the elements of `data`, which MLX takes over or, where it cannot, copies.
    ///
    /// # Errors
    /// `data` does not fill `shape`, or there is no memory.
    #[track_caller]
    pub(crate) fn from_vec<T: Element>(op: &'static str, data: Vec<T>, shape: &[i32]) -> Result<Self> {
        let fills = T::DTYPE.bytes_of(shape) == Some(size_of_val(data.as_slice()));
        let Some(rank) = i32::try_from(shape.len()).ok().filter(|_| fills) else {
            let message = format!("{} elements do not fill shape {shape:?}", data.len());
            return Err(Error::new(Kind::Shape, op, message));
        };
        let mut data = Box::new(data);
        let elements = data.as_mut_ptr().cast::<c_void>();
        let payload = Box::into_raw(data).cast::<c_void>();
        call::prepare();
        // SAFETY: `elements` holds what `shape` multiplies to, of the dtype's size, until C calls the destructor
        // with `payload`, which it does once, after the last use.
        let raw = unsafe {
            let (shape, dtype) = (shape.as_ptr(), T::DTYPE.raw());
            sys::mlx_array_new_data_managed_payload(elements, shape, rank, dtype, payload, Some(free::<T>))
        };
        // SAFETY: C gives the handle away.
        Self::checked(op, unsafe { Owned::new(raw) })
    }

    #[track_caller]
    pub(crate) fn of_bool(value: bool) -> Result<Self> {
        call::prepare();
        // SAFETY: C makes an array of a number, and gives it away.
        Self::checked("array", unsafe { Owned::new(sys::mlx_array_new_bool(value)) })
    }

    #[track_caller]
    pub(crate) fn of_i32(value: i32) -> Result<Self> {
        call::prepare();
        // SAFETY: C gives the new array away.
        Self::checked("array", unsafe { Owned::new(sys::mlx_array_new_int(value)) })
    }

    #[track_caller]
    pub(crate) fn of_f32(value: f32) -> Result<Self> {
        call::prepare();
        // SAFETY: as for an `i32`, the new array is nobody else's.
        Self::checked("array", unsafe { Owned::new(sys::mlx_array_new_float32(value)) })
    }

    #[track_caller]
    pub(crate) fn of_f64(value: f64) -> Result<Self> {
        call::prepare();
        // SAFETY: as for an `f32`, nobody else frees it.
        Self::checked("array", unsafe { Owned::new(sys::mlx_array_new_float64(value)) })
    }

    #[track_caller]
    pub(crate) fn of_complex64(value: Complex64) -> Result<Self> {
        call::prepare();
        // SAFETY: the array of two numbers is new and given away.
        Self::checked("array", unsafe { Owned::new(sys::mlx_array_new_complex(value.re, value.im)) })
    }

    /// The handle, unless it is the empty one by which C says that it failed.
    #[track_caller]
    fn checked(op: &'static str, owned: Owned<sys::mlx_array>) -> Result<Self> {
        if owned.raw().ctx.is_null() { Err(error::take(op)) } else { Ok(Self::from_owned(owned)) }
    }
}

/// Frees the vector that an array was made of, on whatever thread drops that.
unsafe extern "C" fn free<T>(payload: *mut c_void) {
    // SAFETY: C calls this once, with the pointer that the box became.
    drop(unsafe { Box::from_raw(payload.cast::<Vec<T>>()) });
}
