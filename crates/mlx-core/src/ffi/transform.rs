//! Transforms of closures.

use std::ffi::c_int;

use mlx_sys as sys;

use super::owned::Owned;
use super::rule::Rules;
use super::{Closure, Vector, call};
use crate::{Array, Dtype, Result, stream};

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

/// What a function does in one row of a batch: its arguments and values without the axes of the batch.
pub(crate) struct Trace([Vec<Array>; 2]);

impl Trace {
    /// Runs `f` on rows of `inputs`; an axis of -1 leaves an input as it is, another must exist.
    pub(crate) fn new(f: &Closure<'_>, inputs: &[Array], axes: &[i32]) -> Result<Self> {
        let inputs = Vector::collect(inputs)?;
        let rows = pair("vmap", |arguments, values| {
            // SAFETY: live handles, as many axes as inputs, and vectors that `pair` owns.
            unsafe {
                sys::mlx_detail_vmap_trace(
                    arguments,
                    values,
                    f.raw(),
                    inputs.raw(),
                    axes.as_ptr(),
                    axes.len(),
                )
            }
        });
        rows.map(Self)
    }

    /// The values in one row.
    pub(crate) fn values(&self) -> &[Array] {
        let Self([_, values]) = self;
        values
    }

    /// Does the same for whole batches. `inputs` and `axes` are those of the trace, `out` has an axis that
    /// exists for each value.
    pub(crate) fn replace(&self, inputs: &[Array], axes: &[i32], out: &[i32]) -> Result<Vec<Array>> {
        let Self([arguments, values]) = self;
        let (inputs, arguments, values) =
            (Vector::collect(inputs)?, Vector::collect(arguments)?, Vector::collect(values)?);
        let (mut batches, stream) = (Vector::empty(), stream::current()?);
        call::status("vmap", || {
            // SAFETY: live handles, an axis that exists for each, and a vector that `batches` owns.
            unsafe {
                sys::mlx_shim_vmap_replace(
                    batches.as_mut_ptr(),
                    inputs.raw(),
                    arguments.raw(),
                    values.raw(),
                    axes.as_ptr(),
                    out.as_ptr(),
                    stream.raw(),
                )
            }
        })?;
        check_sizes(&batches)?;
        batches.into_vec()
    }
}

/// A function with derivatives and batches of its own, from three closures that MLX calls in place of its rules.
pub(crate) fn custom_function(f: &Closure<'static>, rules: &Rules) -> Result<Closure<'static>> {
    let mut out = Closure::empty();
    call::status("custom_function", || {
        // SAFETY: live closures, whose bodies last as long as MLX wants; `out` owns what C fills.
        unsafe {
            sys::mlx_custom_function(
                out.as_mut_ptr(),
                f.raw(),
                rules.vjp.raw(),
                rules.jvp.raw(),
                rules.vmap.raw(),
            )
        }
    })?;
    Ok(out)
}

/// The same arrays, which are not computed before `dependencies` are.
#[track_caller]
pub(crate) fn depends<'a>(
    arrays: &[Array],
    dependencies: impl IntoIterator<Item = &'a Array>,
) -> Result<Vec<Array>> {
    if arrays.is_empty() {
        return Ok(Vec::new());
    }
    let (arrays, dependencies) = (Vector::collect(arrays)?, Vector::collect(dependencies)?);
    let mut out = Vector::empty();
    call::status("depends", || {
        // SAFETY: live vectors, the first of them not empty, which C does not check; `out` owns what C fills.
        unsafe { sys::mlx_depends(out.as_mut_ptr(), arrays.raw(), dependencies.raw()) }
    })?;
    out.into_vec()
}

/// Refuses a graph that MLX cannot walk over on this thread's stack.
pub(super) fn check_depth(outputs: &Vector) -> Result<()> {
    // SAFETY: reads the graph of live arrays.
    call::status("transform", || unsafe { sys::mlx_shim_check_depth(outputs.raw()) })
}

/// Refuses a graph with an array that does not fit in memory, which the ops could not see as they were built.
pub(super) fn check_sizes(outputs: &Vector) -> Result<()> {
    // SAFETY: as for the depth.
    call::status("transform", || unsafe { sys::mlx_shim_check_sizes(outputs.raw(), Dtype::MOST_BYTES) })
}

/// Whether `outputs` depend on an array that is traced by a transform around the one of `inputs`.
pub(crate) fn captures_tracer(outputs: &[Array], inputs: &[Array]) -> Result<bool> {
    let (outputs, inputs) = (Vector::collect(outputs)?, Vector::collect(inputs)?);
    let mut captured = false;
    call::status("transform", || {
        // SAFETY: writes one truth value about the graph of live arrays.
        unsafe { sys::mlx_shim_captures_tracer(&raw mut captured, outputs.raw(), inputs.raw()) }
    })?;
    Ok(captured)
}

/// Runs a function that fills two vectors.
fn pair(
    op: &'static str,
    f: impl FnOnce(*mut sys::mlx_vector_array, *mut sys::mlx_vector_array) -> c_int,
) -> Result<[Vec<Array>; 2]> {
    let (mut a, mut b) = (Vector::empty(), Vector::empty());
    call::status(op, || f(a.as_mut_ptr(), b.as_mut_ptr()))?;
    Ok([a.into_vec()?, b.into_vec()?])
}
