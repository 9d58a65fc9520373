//! What stands for each row: its greatest element, where that is, or the logarithm of a sum.

use mlx_cpu::{Level, choice};

use super::numbers::{Floats, fits, results, width};
use crate::ffi::raw;
use crate::kernel::{Failure, Input, Output, Primitive, Spec};
use crate::{Array, Axes, Dtype, Result};

/// What is found along the last axis.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Choice {
    Argmax,
    Max,
    LogSumExp,
}

#[derive(PartialEq)]
struct Choose {
    choice: Choice,
    keep: bool,
}

/// What is found along the last axis; none if the axes are others, or there is no kernel.
#[track_caller]
pub(crate) fn choose(x: &Array, choice: Choice, axes: &Axes) -> Option<Result<Array>> {
    let &[axis] = axes.list.as_deref()? else { return None };
    let last = usize::try_from(axis).map_or(axis == -1, |axis| axis + 1 == x.ndim());
    let takes = last && x.ndim() > 0 && fits(x.dtype()) && x.size() > 0 && super::is_on();
    if takes { Some(super::apply(Choose { choice, keep: axes.keep }, [x])) } else { None }
}

impl Primitive for Choose {
    const NAME: &'static str = "choose";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        let of = |x: &&Array| {
            let mut shape = x.shape().to_vec();
            shape.pop();
            if self.keep {
                shape.push(1);
            }
            Spec::new(shape, if self.choice == Choice::Argmax { Dtype::Uint32 } else { x.dtype() })
        };
        Ok(inputs.iter().map(of).collect())
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let ([x], [out]) = (inputs, outputs) else { return Err("an input is missing".into()) };
        let (level, width, x) = (Level::best(), width(x), Floats::of(x)?);
        super::checked(match self.choice {
            Choice::Argmax => choice::argmax(level, x.numbers(), width, out.values()?),
            Choice::Max => choice::max(level, x.numbers(), width, results(out)?),
            Choice::LogSumExp => choice::log_sum_exp(level, x.numbers(), width, results(out)?),
        })
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let of = |x: &Array| match self.choice {
            Choice::Argmax => raw::argmax_axis(x, -1, self.keep),
            Choice::Max => raw::max_axes(x, &[-1], self.keep),
            Choice::LogSumExp => raw::logsumexp_axes(x, &[-1], self.keep),
        };
        inputs.iter().map(of).collect()
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}
