//! Transforms of closures.

use mlx_sys as sys;

use super::owned::Owned;
use super::{Closure, Vector, call};
use crate::{Array, Result};

/// The values of `f`, and the gradients of the first with respect to all inputs.
pub(crate) fn value_and_grad(f: &Closure<'_>, inputs: &[Array]) -> Result<[Vec<Array>; 2]> {
    let wanted: Vec<i32> = (0..).take(inputs.len()).collect();
    let inputs = Vector::collect(inputs)?;
    let mut transformed = Owned::<sys::mlx_closure_value_and_grad>::empty();
    call::status("grad", || {
        // SAFETY: live handles; `transformed` owns what C fills, and is dropped before `f`.
        unsafe { sys::mlx_value_and_grad(transformed.as_mut_ptr(), f.raw(), wanted.as_ptr(), wanted.len()) }
    })?;
    pair("grad", |values, gradients| {
        // SAFETY: the closure and the inputs are live, and C fills two vectors that `pair` owns.
        unsafe { sys::mlx_closure_value_and_grad_apply(values, gradients, transformed.raw(), inputs.raw()) }
    })
}

/// The values of `f`, and the cotangents pulled back to the inputs.
pub(crate) fn vjp(f: &Closure<'_>, inputs: &[Array], cotangents: &[Array]) -> Result<[Vec<Array>; 2]> {
    let (inputs, cotangents) = (Vector::collect(inputs)?, Vector::collect(cotangents)?);
    pair("vjp", |values, pulled| {
        // SAFETY: live handles, and vectors that `pair` owns.
        unsafe { sys::mlx_vjp(values, pulled, f.raw(), inputs.raw(), cotangents.raw()) }
    })
}

/// The values of `f`, and the tangents pushed forward to them.
pub(crate) fn jvp(f: &Closure<'_>, inputs: &[Array], tangents: &[Array]) -> Result<[Vec<Array>; 2]> {
    let (inputs, tangents) = (Vector::collect(inputs)?, Vector::collect(tangents)?);
    pair("jvp", |values, pushed| {
        // SAFETY: as for `vjp`.
        unsafe { sys::mlx_jvp(values, pushed, f.raw(), inputs.raw(), tangents.raw()) }
    })
}

/// Runs a function that fills two vectors.
fn pair(
    op: &'static str,
    f: impl FnOnce(*mut sys::mlx_vector_array, *mut sys::mlx_vector_array) -> std::ffi::c_int,
) -> Result<[Vec<Array>; 2]> {
    let (mut a, mut b) = (Vector::empty(), Vector::empty());
    call::status(op, || f(a.as_mut_ptr(), b.as_mut_ptr()))?;
    Ok([a.into_arrays()?, b.into_arrays()?])
}
