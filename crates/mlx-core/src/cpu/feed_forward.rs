//! The gated feed-forward layer.

use mlx_cpu::{Level, quantized};

use super::gate::function;
use super::numbers::{Floats, results};
use super::quantized_matmul::{EachProduct, Matrix, parts, suit};
use crate::fast::{Activation, GatedLayer};
use crate::kernel::{Failure, Input, Output, Primitive, Spec};
use crate::{Array, Dtype, Quantized, Result, fast};

/// `down(activation(gate(x)) · up(x))`, of the three matrices in that order.
#[derive(PartialEq)]
struct FeedForward {
    product: EachProduct,
    activation: Activation,
}

/// The layer as one op; none if there is no kernel for it.
#[track_caller]
pub(crate) fn feed_forward(x: &Array, layer: GatedLayer<'_>) -> Option<Result<Array>> {
    let GatedLayer { gate, up, down, activation } = layer;
    let matrices = [gate, up, down];
    let suits = |w: &&Quantized| w.weight.ndim() == 2 && suit(x, w) && keeps_type(x, w);
    if x.size() == 0 || gate.weight.size() == 0 || down.weight.size() == 0 || !matrices.iter().all(suits) {
        return None;
    }
    let op = FeedForward { product: EachProduct::of(&matrices), activation };
    let inputs = std::iter::once(x).chain(matrices.iter().flat_map(|w| parts(w)));
    Some(super::apply(op, inputs))
}

/// Whether products are of the type of `x`: scales are of it, or bytes.
fn keeps_type(x: &Array, w: &Quantized) -> bool {
    let floats = [Some(&w.scales), w.biases.as_ref()].into_iter().flatten();
    floats.map(Array::dtype).all(|dtype| dtype == x.dtype() || dtype == Dtype::Uint8)
}

impl Primitive for FeedForward {
    const NAME: &'static str = "feed_forward";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        let [x, parts @ ..] = inputs else { return Ok(Vec::new()) };
        let down = self.product.matrices(parts).last().and_then(|(_, parts)| parts.first()?.shape().first());
        let mut shape = x.shape().to_vec();
        shape.pop();
        shape.extend(down);
        Ok(vec![Spec::new(shape, x.dtype())])
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let ([x, parts @ ..], [out]) = (inputs, outputs) else { return Err("an input is missing".into()) };
        let x = Floats::of(x)?;
        let matrices = self.product.stored(parts)?;
        let matrices = matrices.iter().map(Matrix::quantized).collect::<Result<Vec<_>, _>>()?;
        let [gate, up, down] = matrices.as_slice() else { return Err("a matrix is missing".into()) };
        let by = function(self.activation);
        super::checked(quantized::feed_forward(
            Level::best(),
            x.numbers(),
            [gate, up, down],
            by,
            results(out)?,
        ))
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [x, parts @ ..] = inputs else { return Ok(Vec::new()) };
        let product = |at, x: &Array| self.product.product(at, x, parts);
        let between = fast::gated(self.activation, &product(0, x)?, &product(1, x)?)?;
        Ok(vec![product(2, &between)?])
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}
