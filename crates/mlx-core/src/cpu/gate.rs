//! Activations, and products with them.

use mlx_cpu::Level;
use mlx_cpu::gate;

use super::numbers::{Floats, fits, results};
use crate::fast::Activation;
use crate::kernel::{Failure, Input, Output, Primitive, Spec};
use crate::{Array, Result};

/// An activation, and perhaps what it is multiplied with.
struct Gated(Activation);

/// The activation of `gate`, times `x` if there is one of the same shape and type.
#[track_caller]
pub(crate) fn gated(by: Activation, gate: &Array, x: Option<&Array>) -> Option<Result<Array>> {
    let same = x.is_none_or(|x| x.shape() == gate.shape() && x.dtype() == gate.dtype());
    let takes = fits(gate.dtype()) && same && super::is_on();
    if takes { Some(super::apply(Gated(by), [Some(gate), x].into_iter().flatten())) } else { None }
}

impl Primitive for Gated {
    const NAME: &'static str = "gated";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        Ok(super::like_first(inputs))
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let ([gate, others @ ..], [out]) = (inputs, outputs) else {
            return Err("an input is missing".into());
        };
        let (by, gate, out) = (function(self.0), Floats::of(gate)?, results(out)?);
        super::checked(match others.first().map(Floats::of).transpose()? {
            Some(x) => gate::multiply(Level::best(), by, [gate.numbers(), x.numbers()], out),
            None => gate::activate(Level::best(), by, gate.numbers(), out),
        })
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [gate, others @ ..] = inputs else { return Ok(Vec::new()) };
        let open = self.0.in_ops(gate)?;
        Ok(vec![match others.first() {
            Some(x) => (open * x)?,
            None => open,
        }])
    }

    fn is_same(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

pub(super) fn function(activation: Activation) -> gate::Activation {
    match activation {
        Activation::Silu => gate::Activation::Silu,
        Activation::Gelu => gate::Activation::Gelu,
        Activation::GeluApprox => gate::Activation::GeluApprox,
    }
}
