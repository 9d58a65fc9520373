//! The softmax of rows.

use mlx_cpu::Level;

use super::numbers::{Floats, fits, results, width};
use crate::ffi::raw;
use crate::kernel::{Failure, Input, Output, Primitive, Spec};
use crate::{Array, Result};

struct Softmax;

/// Over the last axis.
#[track_caller]
pub(crate) fn softmax(x: &Array) -> Option<Result<Array>> {
    let takes = fits(x.dtype()) && x.shape().last().is_some_and(|&length| length > 0) && super::is_on();
    if takes { Some(super::apply(Softmax, [x])) } else { None }
}

impl Primitive for Softmax {
    const NAME: &'static str = "softmax";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        Ok(super::like_first(inputs))
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let ([x], [out]) = (inputs, outputs) else { return Err("an input is missing".into()) };
        super::checked(mlx_cpu::softmax::softmax(
            Level::best(),
            Floats::of(x)?.numbers(),
            width(x),
            results(out)?,
        ))
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        inputs.iter().map(|x| raw::softmax_axes(x, &[-1], true)).collect()
    }

    fn is_same(&self, _: &Self) -> bool {
        true
    }
}
