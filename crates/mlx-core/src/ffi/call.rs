//! The one door to C: run a function on the current stream, own what it returns, report what it says.

use std::cell::Cell;
use std::ffi::c_int;

use mlx_sys as sys;

use super::{Handle, Vector, error, failure, gate, guest};
use crate::{Array, Error, Kind, Result, stream};

thread_local! {
    static OVER: Cell<bool> = const { Cell::new(false) };
}

/// From here on, this thread computes nothing: its queues go to other threads.
pub(crate) fn end_thread() {
    OVER.set(true);
}

/// Runs a function that gives a status only.
#[track_caller]
pub(crate) fn status(op: &'static str, f: impl FnOnce() -> c_int) -> Result<()> {
    check_thread(op)?;
    without_queue(op, f)
}

/// Refuses to compute on this thread where it may not use a queue.
#[track_caller]
pub(crate) fn check_thread(op: &'static str) -> Result<()> {
    let why = if OVER.get() {
        "this thread is ending and computes nothing any more"
    } else if guest::is_running() {
        "a kernel, a reader or its destructor is called by MLX and computes nothing with it"
    } else {
        return Ok(());
    };
    Err(Error::new(Kind::Thread, op, why))
}

/// Runs a function that gives a status only and works without a queue, even while the thread ends.
#[track_caller]
pub(super) fn without_queue(op: &'static str, f: impl FnOnce() -> c_int) -> Result<()> {
    error::install_handler();
    let _pass = gate::enter();
    if f() == 0 { Ok(()) } else { Err(error::take(op)) }
}

/// Runs a function that computes arrays, and reports what could not be read for them.
#[track_caller]
pub(crate) fn computed(op: &'static str, f: impl FnOnce() -> c_int) -> Result<()> {
    status(op, f)?;
    failure::report(op)
}

/// Runs a function that fills one array.
#[track_caller]
pub(crate) fn array(
    op: &'static str,
    f: impl FnOnce(*mut sys::mlx_array, sys::mlx_stream) -> c_int,
) -> Result<Array> {
    let stream = stream::current()?;
    let mut out = Handle::empty();
    status(op, || f(out.as_mut_ptr(), stream.raw()))?;
    let array = Array::from_handle(out);
    array.check_shape(op)?;
    Ok(array)
}

/// Runs a function that fills `N` arrays.
#[track_caller]
pub(crate) fn arrays<const N: usize>(
    op: &'static str,
    f: impl FnOnce([*mut sys::mlx_array; N], sys::mlx_stream) -> c_int,
) -> Result<[Array; N]> {
    let stream = stream::current()?;
    let mut out = std::array::from_fn(|_| Handle::empty());
    status(op, || f(out.each_mut().map(Handle::as_mut_ptr), stream.raw()))?;
    let arrays = out.map(Array::from_handle);
    for array in &arrays {
        array.check_shape(op)?;
    }
    Ok(arrays)
}

/// Runs a function that fills a vector of arrays.
#[track_caller]
pub(crate) fn vector(
    op: &'static str,
    f: impl FnOnce(*mut sys::mlx_vector_array, sys::mlx_stream) -> c_int,
) -> Result<Vec<Array>> {
    let stream = stream::current()?;
    let mut out = Vector::<Array>::empty();
    status(op, || f(out.as_mut_ptr(), stream.raw()))?;
    let arrays = out.into_vec()?;
    for array in &arrays {
        array.check_shape(op)?;
    }
    Ok(arrays)
}

/// Installs the error handler for calls that cannot report a status of their own.
pub(crate) fn prepare() {
    error::install_handler();
}
