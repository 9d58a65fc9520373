//! The gated feed-forward layer.

use super::{Quantized, multiply, multiply_each};
use crate::gate::{self, Activation};
use crate::numbers::{Float, with};
use crate::scratch::Scratch;
use crate::{Level, Numbers, NumbersMut};

/// `down(activation(gate(x)) · up(x))`, of the three matrices in that order: `[m, columns] -> [m, rows]`. What is between the
/// products is of the type of `x`.
///
/// Shazeer, "GLU Variants Improve Transformer".
///
/// Returns whether the sizes fit.
pub fn feed_forward(
    level: Level,
    x: Numbers<'_>,
    matrices: [&Quantized<'_>; 3],
    activation: Activation,
    out: NumbersMut<'_>,
) -> bool {
    with!(Numbers, x, |x| write(level, x, matrices, activation, out))
}

fn write<T: Float>(
    level: Level,
    x: &[T],
    [gate, up, down]: [&Quantized<'_>; 3],
    activation: Activation,
    out: NumbersMut<'_>,
) -> bool {
    let size = x.len().checked_div(gate.columns()).and_then(|rows| rows.checked_mul(gate.rows()));
    let Some(size) = size else { return false };
    let (mut gates, mut ups) = (Scratch::<T>::of(size), Scratch::<T>::of(size));
    let outs = vec![T::numbers_mut(&mut gates), T::numbers_mut(&mut ups)];
    if !multiply_each(level, T::numbers(x), &[*gate, *up], outs) {
        return false;
    }
    gate::multiply_into(level, activation, &mut gates, &ups);
    multiply(level, T::numbers(&gates), down, out)
}
