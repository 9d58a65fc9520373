//! The gated feed-forward layer.

use half::{bf16, f16};
use mlx_cpu::quantized;
use mlx_cpu::{Level, Numbers, NumbersMut, gate};

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
    inner: usize,
}

/// The layer as one op; none if there is no kernel for it.
#[track_caller]
pub(crate) fn feed_forward(x: &Array, layer: GatedLayer<'_>) -> Option<Result<Array>> {
    let GatedLayer { gate, up, down, activation } = layer;
    let matrices = [gate, up, down];
    let suits = |w: &&Quantized| w.weight.ndim() == 2 && suit(x, w) && keeps_type(x, w);
    let inner = gate.weight.shape().first()?.unsigned_abs() as usize;
    if x.size() == 0 || inner == 0 || down.weight.size() == 0 || !matrices.iter().all(suits) {
        return None;
    }
    let op = FeedForward { product: EachProduct::of(&matrices), activation, inner };
    let inputs = std::iter::once(x).chain(matrices.iter().flat_map(|w| parts(w)));
    Some(super::apply(op, inputs))
}

/// Whether products are of the type of `x`: scales are of it, or bytes.
fn keeps_type(x: &Array, w: &Quantized) -> bool {
    let floats = [Some(&w.scales), w.biases.as_ref()].into_iter().flatten();
    floats.map(Array::dtype).all(|dtype| dtype == x.dtype() || dtype == Dtype::Uint8)
}

/// A type of float between the products.
trait Between: Copy + Default {
    fn numbers(all: &[Self]) -> Numbers<'_>;
    fn numbers_mut(all: &mut [Self]) -> NumbersMut<'_>;
}

macro_rules! between {
    ($($float:ty: $variant:ident;)*) => {$(
        impl Between for $float {
            fn numbers(all: &[Self]) -> Numbers<'_> {
                Numbers::$variant(all)
            }

            fn numbers_mut(all: &mut [Self]) -> NumbersMut<'_> {
                NumbersMut::$variant(all)
            }
        }
    )*};
}

between! {
    f32: F32;
    f16: F16;
    bf16: Bf16;
}

impl FeedForward {
    /// Writes the layer's result, with `T` between the products.
    fn write<T: Between>(
        &self,
        x: Numbers<'_>,
        matrices: &[quantized::Quantized<'_>],
        out: NumbersMut<'_>,
    ) -> bool {
        let (&[gate, up, down], level) = (matrices, Level::best()) else { return false };
        let size = x.len() / gate.columns().max(1) * self.inner;
        let [mut gates, mut ups, mut between] = [(); 3].map(|()| vec![T::default(); size]);
        let outs = vec![T::numbers_mut(&mut gates), T::numbers_mut(&mut ups)];
        if !quantized::multiply_each(level, x, &[gate, up], outs) {
            return false;
        }
        let pair = [T::numbers(&gates), T::numbers(&ups)];
        gate::multiply(level, function(self.activation), pair, T::numbers_mut(&mut between))
            && quantized::multiply(level, T::numbers(&between), &down, out)
    }
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
        let (x, out) = (x.numbers(), results(out)?);
        super::checked(match x {
            Numbers::F32(_) => self.write::<f32>(x, &matrices, out),
            Numbers::F16(_) => self.write::<f16>(x, &matrices, out),
            Numbers::Bf16(_) => self.write::<bf16>(x, &matrices, out),
        })
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
