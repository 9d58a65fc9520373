//! Norms of rows.

use std::sync::Arc;

use mlx_cpu::Level;
use mlx_cpu::norm::{self, Norm};

use super::numbers::{Floats, fits, results, width};
use crate::ffi::raw;
use crate::kernel::{self, Failure, Input, Output, Primitive, Spec};
use crate::{Array, Result};

/// The root mean square, of `x` and perhaps a weight.
#[derive(PartialEq)]
struct RmsNorm(f32);

/// Mean and variance, of `x` and perhaps a weight and a bias.
#[derive(PartialEq)]
struct LayerNorm {
    eps: f32,
    weight: bool,
    bias: bool,
}

/// A sum and its root mean square, of two sides and a weight.
#[derive(PartialEq)]
struct AddRmsNorm(f32);

/// Whether the kernels take these.
fn suit(x: &Array, weights: &[Option<&Array>]) -> bool {
    let columns = x.shape().last().copied().unwrap_or(0);
    let suits = |weight: &&Array| weight.shape() == [columns] && weight.dtype() == x.dtype();
    fits(x.dtype()) && columns > 0 && weights.iter().flatten().all(suits) && super::is_on()
}

#[track_caller]
pub(crate) fn rms_norm(x: &Array, weight: Option<&Array>, eps: f32) -> Option<Result<Array>> {
    if suit(x, &[weight]) {
        Some(super::apply(RmsNorm(eps), [Some(x), weight].into_iter().flatten()))
    } else {
        None
    }
}

#[track_caller]
pub(crate) fn layer_norm(
    x: &Array,
    weight: Option<&Array>,
    bias: Option<&Array>,
    eps: f32,
) -> Option<Result<Array>> {
    let op = LayerNorm { eps, weight: weight.is_some(), bias: bias.is_some() };
    if suit(x, &[weight, bias]) {
        Some(super::apply(op, [Some(x), weight, bias].into_iter().flatten()))
    } else {
        None
    }
}

/// The sum of `x` and `y`, and its norm.
#[track_caller]
pub(crate) fn add_rms_norm(x: &Array, y: &Array, weight: &Array, eps: f32) -> Option<Result<Vec<Array>>> {
    let same = x.shape() == y.shape() && x.dtype() == y.dtype();
    if same && suit(x, &[Some(weight)]) {
        Some(kernel::apply(&Arc::new(AddRmsNorm(eps)), [x, y, weight]))
    } else {
        None
    }
}

impl Primitive for RmsNorm {
    const NAME: &'static str = "rms_norm";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        Ok(super::like_first(inputs))
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let ([x, weight @ ..], [out]) = (inputs, outputs) else { return Err("an input is missing".into()) };
        let weight = weight.first().map(Floats::of).transpose()?;
        let weight = weight.as_ref().map(Floats::numbers);
        let norm = Norm { width: width(x), epsilon: self.0, weight, bias: None };
        super::checked(norm::rms_norm(Level::best(), Floats::of(x)?.numbers(), &norm, results(out)?))
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [x, weight @ ..] = inputs else { return Ok(Vec::new()) };
        Ok(vec![raw::fast_rms_norm(x, weight.first(), self.0)?])
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}

impl Primitive for LayerNorm {
    const NAME: &'static str = "layer_norm";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        Ok(super::like_first(inputs))
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let ([x, others @ ..], [out]) = (inputs, outputs) else { return Err("an input is missing".into()) };
        let others = others.iter().map(Floats::of).collect::<Result<Vec<_>, _>>()?;
        let (weight, bias) = self.places(&others);
        let (weight, bias) = (weight.map(Floats::numbers), bias.map(Floats::numbers));
        let norm = Norm { width: width(x), epsilon: self.eps, weight, bias };
        super::checked(norm::layer_norm(Level::best(), Floats::of(x)?.numbers(), &norm, results(out)?))
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [x, others @ ..] = inputs else { return Ok(Vec::new()) };
        let (weight, bias) = self.places(others);
        Ok(vec![raw::fast_layer_norm(x, weight, bias, self.eps)?])
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}

impl LayerNorm {
    /// The weight and the bias among the inputs behind the first.
    fn places<'a, T>(&self, others: &'a [T]) -> (Option<&'a T>, Option<&'a T>) {
        let weight = others.first().filter(|_| self.weight);
        let bias = others.get(usize::from(self.weight)).filter(|_| self.bias);
        (weight, bias)
    }
}

impl Primitive for AddRmsNorm {
    const NAME: &'static str = "add_rms_norm";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        Ok([super::like_first(inputs), super::like_first(inputs)].concat())
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let ([x, y, weight], [sum, out]) = (inputs, outputs) else {
            return Err("an input is missing".into());
        };
        let (a, b, weight) = (Floats::of(x)?, Floats::of(y)?, Floats::of(weight)?);
        let norm = Norm { width: width(x), epsilon: self.0, weight: Some(weight.numbers()), bias: None };
        let (sum, out) = (results(sum)?, results(out)?);
        super::checked(norm::add_rms_norm(Level::best(), [a.numbers(), b.numbers()], &norm, sum, out))
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [x, y, weight] = inputs else { return Ok(Vec::new()) };
        let sum = (x + y)?;
        let out = raw::fast_rms_norm(&sum, Some(weight), self.0)?;
        Ok(vec![sum, out])
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}
