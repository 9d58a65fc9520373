//! Closures that take the place of MLX's rules for derivatives and batches.

use std::ffi::{c_int, c_void};

use mlx_sys as sys;

use super::closure::{arrays_of, fill, free, run};
use super::owned::Owned;
use super::{Vector, call, list};
use crate::{Array, Result};

/// From primals, cotangents and outputs to cotangents of the primals.
pub(crate) type Vjp = dyn Fn(Vec<Array>, Vec<Array>, Vec<Array>) -> Result<Vec<Array>>;

/// From primals, and tangents of those that are numbered, to tangents of the outputs.
pub(crate) type Jvp = dyn Fn(Vec<Array>, Vec<Array>, &[i32]) -> Result<Vec<Array>>;

/// From inputs, and the axis of the batch of each or -1, to outputs and theirs. The axes must exist: MLX does
/// not check them.
pub(crate) type Vmap = dyn Fn(Vec<Array>, &[i32]) -> Result<(Vec<Array>, Vec<i32>)>;

/// The three rules of a function. MLX keeps them with the arrays that the function gives.
pub(crate) struct Rules {
    pub(super) vjp: Owned<sys::mlx_closure_custom>,
    pub(super) jvp: Owned<sys::mlx_closure_custom_jvp>,
    pub(super) vmap: Owned<sys::mlx_closure_custom_vmap>,
}

impl Rules {
    pub(crate) fn new(vjp: Box<Vjp>, jvp: Box<Jvp>, vmap: Box<Vmap>) -> Self {
        call::prepare();
        let (vjp, jvp, vmap) = (payload(vjp), payload(jvp), payload(vmap));
        // SAFETY: each payload is what its two functions expect, and C frees it once, with the last copy of the
        // closure that it gives away.
        unsafe {
            Self {
                vjp: Owned::new(sys::mlx_closure_custom_new_func_payload(
                    Some(apply_vjp),
                    vjp,
                    Some(free::<Box<Vjp>>),
                )),
                jvp: Owned::new(sys::mlx_closure_custom_jvp_new_func_payload(
                    Some(apply_jvp),
                    jvp,
                    Some(free::<Box<Jvp>>),
                )),
                vmap: Owned::new(sys::mlx_closure_custom_vmap_new_func_payload(
                    Some(apply_vmap),
                    vmap,
                    Some(free::<Box<Vmap>>),
                )),
            }
        }
    }
}

/// A thin pointer for C to a closure behind a wide one.
fn payload<F: ?Sized>(rule: Box<F>) -> *mut c_void {
    Box::into_raw(Box::new(rule)).cast()
}

unsafe extern "C" fn apply_vjp(
    out: *mut sys::mlx_vector_array,
    primals: sys::mlx_vector_array,
    cotangents: sys::mlx_vector_array,
    outputs: sys::mlx_vector_array,
    payload: *mut c_void,
) -> c_int {
    run(|| {
        // SAFETY: the payload of `Rules::new`, alive while its closure is called.
        let rule = unsafe { &*payload.cast::<Box<Vjp>>() };
        // SAFETY: C lends three live vectors for this call.
        let (primals, cotangents, outputs) =
            unsafe { (arrays_of(primals)?, arrays_of(cotangents)?, arrays_of(outputs)?) };
        let pulled = rule(primals, cotangents, outputs)?;
        // SAFETY: C passes an empty vector that it owns.
        unsafe { fill(out, &pulled) }
    })
}

unsafe extern "C" fn apply_jvp(
    out: *mut sys::mlx_vector_array,
    primals: sys::mlx_vector_array,
    tangents: sys::mlx_vector_array,
    numbers: *const c_int,
    count: usize,
    payload: *mut c_void,
) -> c_int {
    run(|| {
        // SAFETY: as for `apply_vjp`, a live payload of this function's type.
        let rule = unsafe { &*payload.cast::<Box<Jvp>>() };
        // SAFETY: two live vectors, lent for this call.
        let (primals, tangents) = unsafe { (arrays_of(primals)?, arrays_of(tangents)?) };
        // SAFETY: C lends `count` numbers.
        let pushed = rule(primals, tangents, unsafe { list(numbers, count) })?;
        // SAFETY: an empty vector of C's, for the tangents.
        unsafe { fill(out, &pushed) }
    })
}

unsafe extern "C" fn apply_vmap(
    out: *mut sys::mlx_vector_array,
    out_axes: *mut sys::mlx_vector_int,
    inputs: sys::mlx_vector_array,
    axes: *const c_int,
    count: usize,
    payload: *mut c_void,
) -> c_int {
    run(|| {
        // SAFETY: a live payload, which `Rules::new` made for this function.
        let rule = unsafe { &*payload.cast::<Box<Vmap>>() };
        // SAFETY: one live vector, and `count` axes.
        let (inputs, axes) = unsafe { (arrays_of(inputs)?, list(axes, count)) };
        let (outputs, axes) = rule(inputs, axes)?;
        let axes = Vector::collect(&axes)?;
        // SAFETY: C passes two empty vectors that it owns, and copies the arrays and the numbers.
        unsafe {
            fill(out, &outputs)?;
            call::status("vmap", || sys::mlx_vector_int_set(out_axes, axes.raw()))
        }
    })
}
