//! Evaluating arrays and reading their memory.

use std::slice;

use mlx_sys as sys;

use super::{Vector, call};
use crate::element::private::Sealed;
use crate::{Array, Element, Error, Kind, Result, stream};

/// Computes the arrays and returns when that is done.
#[track_caller]
pub(crate) fn eval(arrays: &Vector) -> Result<()> {
    // MLX would make a queue of its own for a thread that has none.
    stream::current()?;
    // SAFETY: a live vector of live handles.
    call::status("eval", || unsafe { sys::mlx_eval(arrays.raw()) })
}

/// Starts to compute the arrays and returns at once.
#[track_caller]
pub(crate) fn async_eval(arrays: &Vector) -> Result<()> {
    stream::current()?;
    // SAFETY: as for `eval`; MLX keeps what it needs alive until it is done.
    call::status("async_eval", || unsafe { sys::mlx_async_eval(arrays.raw()) })
}

/// A copy of the elements of a row-contiguous array of `T`, in order.
#[track_caller]
pub(crate) fn copy_out<T: Element>(array: &Array) -> Result<Vec<T>> {
    // SAFETY: computes a live array and waits for it.
    call::status("eval", || unsafe { sys::mlx_array_eval(array.raw()) })?;
    let mut view =
        sys::mlx_shim_view_ { data: std::ptr::null(), capacity: 0, item_size: 0, row_contiguous: false };
    // SAFETY: fills `view` from a live array.
    call::status("view", || unsafe { sys::mlx_shim_array_view(&raw mut view, array.raw()) })?;
    let size = array.size();
    if size == 0 {
        return Ok(Vec::new());
    }
    let data = view.data.cast::<<T as Sealed>::Bits>();
    let readable = view.row_contiguous && view.capacity >= size && view.item_size == size_of::<T>();
    if !readable || data.is_null() || !data.is_aligned() {
        return Err(Error::new(
            Kind::Mlx,
            "view",
            "the array does not lie in memory as its type and shape say",
        ));
    }
    // SAFETY: `data` is aligned and holds at least `size` elements of the size of `T`, for which every bit
    // pattern is a valid `Bits`. The array is borrowed, so the buffer lives, and nothing writes to it: MLX
    // reuses a buffer only when no handle is left.
    let bits = unsafe { slice::from_raw_parts(data, size) };
    Ok(bits.iter().map(|&b| T::from_bits(b)).collect())
}
