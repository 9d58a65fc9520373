//! Evaluating arrays and reading their memory.

use std::ffi::c_int;
use std::slice;

use mlx_sys as sys;

use super::element::{Sealed, elements};
use super::{Vector, call};
use crate::{Array, Element, Error, Kind, Layout, Result, stream};

/// Computes the arrays and returns when that is done.
#[track_caller]
pub(crate) fn eval(arrays: &Vector) -> Result<()> {
    // MLX would make a queue of its own for a thread that has none.
    stream::current()?;
    // SAFETY: a live vector of live handles.
    call::computed("eval", || unsafe { sys::mlx_eval(arrays.raw()) })
}

/// Starts to compute the arrays and returns at once.
#[track_caller]
pub(crate) fn async_eval(arrays: &Vector) -> Result<()> {
    stream::current()?;
    // SAFETY: as for `eval`; MLX keeps what it needs alive until it is done.
    call::status("async_eval", || unsafe { sys::mlx_async_eval(arrays.raw()) })
}

#[track_caller]
fn eval_one(array: &Array) -> Result<()> {
    // SAFETY: computes a live array and waits for it.
    call::computed("eval", || unsafe { sys::mlx_array_eval(array.raw()) })
}

/// The only element of an array of one `T`.
#[track_caller]
pub(crate) fn item<T: Element>(array: &Array) -> Result<T> {
    let mut bits = <T as Sealed>::Bits::default();
    // SAFETY: C checks that there is one element, and writes its bits, of the size of `T`, for which every
    // pattern is a valid `Bits`.
    call::computed("eval", || unsafe { T::item(&raw mut bits, array.raw()) })?;
    Ok(T::from_bits(bits))
}

/// A copy of the elements of a row-contiguous array of `T`, in order.
#[track_caller]
pub(crate) fn copy_out<T: Element>(array: &Array) -> Result<Vec<T>> {
    match bits::<T>(array)? {
        Some(bits) => Ok(bits.iter().map(|&b| T::from_bits(b)).collect()),
        None => Err(misplaced()),
    }
}

/// The elements of an array of `T` where they lie, unless that is in another order or they are not valid.
#[track_caller]
pub(crate) fn borrow<T: Element>(array: &Array) -> Result<Option<&[T]>> {
    Ok(bits::<T>(array)?.and_then(elements))
}

/// Where the elements of an array lie, computed first.
#[track_caller]
pub(super) fn view(array: &Array) -> Result<sys::mlx_shim_view_> {
    eval_one(array)?;
    let mut view =
        sys::mlx_shim_view_ { data: std::ptr::null(), capacity: 0, item_size: 0, row_contiguous: false };
    // SAFETY: fills `view` from a live array.
    call::status("view", || unsafe { sys::mlx_shim_array_view(&raw mut view, array.raw()) })?;
    Ok(view)
}

/// The memory of an array of `T`, computed first; none if it is not row-contiguous.
#[track_caller]
fn bits<T: Element>(array: &Array) -> Result<Option<&[<T as Sealed>::Bits]>> {
    let view = view(array)?;
    let size = array.size();
    if size == 0 {
        return Ok(Some(&[]));
    }
    if !view.row_contiguous {
        return Ok(None);
    }
    if view.capacity < size || view.item_size != size_of::<T>() || view.data.is_null() {
        return Err(misplaced());
    }
    // SAFETY: the array is evaluated, has memory, and elements of the size of `T`.
    let data = unsafe { T::data(array.raw()) };
    if !data.is_aligned() {
        return Err(misplaced());
    }
    // SAFETY: `data` is aligned and holds at least `size` elements of the size of `T`, for which every bit
    // pattern is a valid `Bits`. The array is borrowed, so the buffer lives, and nothing writes to it: MLX
    // reuses a buffer only when no handle is left.
    Ok(Some(unsafe { slice::from_raw_parts(data, size) }))
}

#[track_caller]
fn misplaced() -> Error {
    Error::new(Kind::Mlx, "view", "the array does not lie in memory as its type and shape say")
}

/// How an array lies in memory, computed first.
#[track_caller]
pub(crate) fn layout(array: &Array) -> Result<Layout> {
    eval_one(array)?;
    // SAFETY: C returns its own array of `ndim` strides, signed ones cast, which live as the descriptor does.
    let strides = unsafe {
        let strides = sys::mlx_array_strides(array.raw()).cast::<i64>();
        if strides.is_null() { &[] } else { slice::from_raw_parts(strides, array.ndim()) }
    };
    Ok(Layout {
        strides: strides.to_vec(),
        contiguous: flag(array, sys::_mlx_array_is_contiguous)?,
        row_contiguous: flag(array, sys::_mlx_array_is_row_contiguous)?,
        col_contiguous: flag(array, sys::_mlx_array_is_col_contiguous)?,
    })
}

/// Whether the array's values are there, so that reading them waits for nothing.
#[track_caller]
pub(crate) fn is_available(array: &Array) -> Result<bool> {
    flag(array, sys::_mlx_array_is_available)
}

#[track_caller]
fn flag(array: &Array, f: unsafe extern "C" fn(*mut bool, sys::mlx_array) -> c_int) -> Result<bool> {
    let mut value = false;
    // SAFETY: each of these functions writes one bool about a live array.
    call::status("layout", || unsafe { f(&raw mut value, array.raw()) })?;
    Ok(value)
}
