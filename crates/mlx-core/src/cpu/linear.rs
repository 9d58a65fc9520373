//! Linear layers of floats.

use mlx_cpu::Level;
use mlx_cpu::dense::{self, Order, Sizes, Then};

use super::gate::function;
use super::numbers::{Floats, fits, results};
use crate::fast::{Activation, LinearLayer};
use crate::kernel::{Failure, Input, Output, Primitive, Spec};
use crate::{Array, Result};

/// `activation(x · wᵀ + bias) + plus`.
#[derive(PartialEq)]
struct Linear {
    activation: Option<Activation>,
    bias: bool,
}

/// The layer as one op; none if there is no kernel for it.
#[track_caller]
pub(crate) fn linear(x: &Array, layer: LinearLayer<'_>, plus: Option<&Array>) -> Option<Result<Array>> {
    let LinearLayer { weight, bias, activation } = layer;
    let (&[outputs, inputs], (&last, leading)) = (weight.shape(), x.shape().split_last()?) else {
        return None;
    };
    let shape = [leading, &[outputs]].concat();
    let all = || [Some(x), Some(weight), bias, plus].into_iter().flatten();
    let suits = last == inputs
        && all().all(|array| array.dtype() == x.dtype() && array.size() > 0)
        && bias.is_none_or(|bias| bias.shape() == [outputs])
        && plus.is_none_or(|plus| plus.shape() == shape);
    if suits && fits(x.dtype()) && super::is_on() {
        Some(super::apply(Linear { activation, bias: bias.is_some() }, all()))
    } else {
        None
    }
}

impl Linear {
    /// The bias and what is added, among the inputs behind the first two.
    fn others<'a, T>(&self, others: &'a [T]) -> (Option<&'a T>, Option<&'a T>) {
        (others.first().filter(|_| self.bias), others.get(usize::from(self.bias)))
    }
}

impl Primitive for Linear {
    const NAME: &'static str = "linear";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        let &[x, weight, ..] = inputs else { return Ok(Vec::new()) };
        let mut shape = x.shape().to_vec();
        shape.pop();
        shape.extend(weight.shape().first());
        Ok(vec![Spec::new(shape, x.dtype())])
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let ([x, weight, others @ ..], [out]) = (inputs, outputs) else {
            return Err("an input is missing".into());
        };
        let (bias, plus) = self.others(others);
        let (bias, plus) = (bias.map(Floats::of).transpose()?, plus.map(Floats::of).transpose()?);
        let then = Then {
            bias: bias.as_ref().map(Floats::numbers),
            activation: self.activation.map(function),
            plus: plus.as_ref().map(Floats::numbers),
        };
        let &[columns, depth] = weight.shape() else { return Err("the weight is no matrix".into()) };
        let [columns, depth] = [columns, depth].map(|length| length.unsigned_abs() as usize);
        let (x, weight) = (Floats::of(x)?, Floats::of(weight)?);
        let (x, weight) = (x.numbers(), weight.numbers());
        let sizes = Sizes { rows: x.len() / depth.max(1), depth, columns, order: Order::Transposed };
        super::checked(dense::linear(Level::best(), sizes, x, weight, then, results(out)?))
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [x, weight, others @ ..] = inputs else { return Ok(Vec::new()) };
        let (bias, plus) = self.others(others);
        Ok(vec![LinearLayer { weight, bias, activation: self.activation }.in_ops(x, plus)?])
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}
