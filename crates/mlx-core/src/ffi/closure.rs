//! Rust closures that MLX calls.
//!
//! No panic crosses C: a body that panics or fails leaves that here, its C function reports a failure, MLX
//! unwinds its own frames, and [`outcome`] goes on with what was left.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

use mlx_sys as sys;

use super::guest::quietly;
use super::owned::Owned;
use super::{Vector, call, transform};
use crate::{Array, Error, Result};

/// How a body ended that gave no arrays.
enum Failure {
    Error(Error),
    Panic(Box<dyn Any + Send>),
}

thread_local! {
    static FAILURE: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

fn take_failure() -> Option<Failure> {
    FAILURE.try_with(RefCell::take).ok().flatten()
}

fn leave(failure: Option<Failure>) {
    let earlier = FAILURE.try_with(|slot| slot.replace(failure));
    // What was thrown earlier may panic when it is dropped, which C could not unwind.
    let _ = quietly(|| drop(earlier));
}

/// Runs a call that may run closures. An error or a panic of a closure goes on as it was; another error is
/// reported at the line `at`.
pub(crate) fn outcome<R>(at: &'static Location<'static>, f: impl FnOnce() -> Result<R>) -> Result<R> {
    let earlier = take_failure();
    let result = f();
    let failure = take_failure();
    leave(earlier);
    match (result, failure) {
        (Ok(value), _) => Ok(value),
        (Err(_), Some(Failure::Error(error))) => Err(error),
        (Err(_), Some(Failure::Panic(panic))) => resume_unwind(panic),
        (Err(error), None) => Err(error.placed(at)),
    }
}

/// Runs the body of a closure for C.
pub(super) fn run(body: impl FnOnce() -> Result<()>) -> c_int {
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return 0,
        Ok(Err(error)) => Failure::Error(error),
        Err(panic) => Failure::Panic(panic),
    };
    leave(Some(failure));
    1
}

/// What a closure does.
pub(crate) type Body<'a> = dyn Fn(Vec<Array>) -> Result<Vec<Array>> + 'a;

/// A function of arrays for MLX, which may be called as long as `'a` lasts.
///
/// Its copies inside MLX share one body, which the last of them frees. MLX keeps one beyond a call only in
/// what `checkpoint`, `custom_function` and `compile` return, which take a `'static` closure.
pub(crate) struct Closure<'a> {
    raw: Owned<sys::mlx_closure>,
    body: PhantomData<Box<Body<'a>>>,
}

impl<'a> Closure<'a> {
    /// A closure that does `body`, for MLX to walk over the graph of what it gives.
    pub(crate) fn new(body: impl Fn(Vec<Array>) -> Result<Vec<Array>> + 'a) -> Self {
        Self::unwalked(move |inputs| {
            let outputs = body(inputs)?;
            transform::check_depth(&Vector::collect(&outputs)?)?;
            Ok(outputs)
        })
    }

    /// A closure that does `body`, for MLX to call only.
    pub(crate) fn unwalked(body: impl Fn(Vec<Array>) -> Result<Vec<Array>> + 'a) -> Self {
        let body: Box<Body<'a>> = Box::new(body);
        let payload = Box::into_raw(Box::new(body)).cast::<c_void>();
        call::prepare();
        // SAFETY: `payload` is what `apply` and `free` expect, and C calls `free` once, when the last copy of
        // the closure is gone; `'a` outlives `self`, and no copy outlives `self` by the contract of the type.
        let raw = unsafe {
            Owned::new(sys::mlx_closure_new_func_payload(Some(apply), payload, Some(free::<Box<Body<'a>>>)))
        };
        Self { raw, body: PhantomData }
    }

    /// A closure for C to fill.
    pub(super) fn empty() -> Self {
        Self { raw: Owned::empty(), body: PhantomData }
    }

    pub(super) fn raw(&self) -> sys::mlx_closure {
        self.raw.raw()
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut sys::mlx_closure {
        self.raw.as_mut_ptr()
    }

    /// Calls it.
    #[track_caller]
    pub(crate) fn apply<'b>(
        &self,
        op: &'static str,
        inputs: impl IntoIterator<Item = &'b Array>,
    ) -> Result<Vec<Array>> {
        let inputs = Vector::collect(inputs)?;
        let mut out = Vector::empty();
        call::status(op, || {
            // SAFETY: live handles; `out` owns what C fills.
            unsafe { sys::mlx_closure_apply(out.as_mut_ptr(), self.raw(), inputs.raw()) }
        })?;
        out.into_vec()
    }
}

unsafe extern "C" fn apply(
    out: *mut sys::mlx_vector_array,
    inputs: sys::mlx_vector_array,
    payload: *mut c_void,
) -> c_int {
    run(|| {
        // SAFETY: the payload of `Closure::new`, alive while its closure is called.
        let body = unsafe { &*payload.cast::<Box<Body<'_>>>() };
        // SAFETY: C lends the live inputs for this call.
        let inputs = unsafe { arrays_of(inputs) }?;
        let outputs = body(inputs)?;
        // SAFETY: C owns the vector that it passes for the values.
        unsafe { fill(out, &outputs) }
    })
}

/// Frees a payload of type `T`. What a panicking destructor says is lost: C cannot unwind.
pub(super) unsafe extern "C" fn free<T>(payload: *mut c_void) {
    // SAFETY: C frees the payload once, and it came from a `Box<T>`.
    let payload = unsafe { Box::from_raw(payload.cast::<T>()) };
    let _ = quietly(|| drop(payload));
}

/// Handles of the arrays in a vector that C lends.
///
/// # Safety
/// `vector` must be live.
pub(super) unsafe fn arrays_of(vector: sys::mlx_vector_array) -> Result<Vec<Array>> {
    // SAFETY: live by this function's contract.
    unsafe { Vector::copy_of(vector) }?.into_vec()
}

/// Puts the arrays into a vector of C's.
///
/// # Safety
/// `out` must point to a vector that the caller owns, empty or not.
pub(super) unsafe fn fill(out: *mut sys::mlx_vector_array, arrays: &[Array]) -> Result<()> {
    let vector = Vector::collect(arrays)?;
    // SAFETY: C copies one live vector into another.
    call::status("closure", || unsafe { sys::mlx_vector_array_set(out, vector.raw()) })
}
