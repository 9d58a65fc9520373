//! Activation functions, and their products with another factor.

#![expect(clippy::indexing_slicing, reason = "parts of slices whose lengths were checked")]

use crate::function::{erf, exp, tanh};
use crate::numbers::{Float, narrow, same, widen};
use crate::rows::{self, Rows};
use crate::simd::{Kernel, Simd};
use crate::{Level, Numbers, NumbersMut, places};

/// A function of each number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `x · sigmoid(x)`.
    Silu,
    /// `x · (1 + erf(x / √2)) / 2`.
    Gelu,
    /// GELU by way of `tanh`: `x · (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2`.
    GeluApprox,
    /// `x²` where `x > 0`, else 0.
    SquaredRelu,
    /// The hyperbolic tangent.
    Tanh,
}

/// The function of each number of `x`, in single precision, rounded once.
///
/// Returns whether the lengths are the same, and so are the types.
pub fn activate(level: Level, function: Activation, x: Numbers<'_>, out: NumbersMut<'_>) -> bool {
    same!([x], [out], {
        let fits = x.len() == out.len();
        fits && gate(level, function, Factors { x: Some(x), y: None, width: PART, stride: PART }, out)
    })
}

/// The function of each number of `x`, times that of `y`, in single precision, rounded once.
///
/// Returns whether the lengths are the same, and so are the types.
pub fn multiply(level: Level, function: Activation, [x, y]: [Numbers<'_>; 2], out: NumbersMut<'_>) -> bool {
    same!([x, y], [out], {
        let fits = x.len() == out.len() && y.len() == out.len();
        fits && gate(level, function, Factors { x: Some(x), y: Some(y), width: PART, stride: PART }, out)
    })
}

/// [`multiply`] for the halves of each row of `x` `[rows, 2 · width]`: `[rows, width]`.
///
/// Returns whether the sizes fit, and the types are the same.
pub fn multiply_halves(
    level: Level,
    function: Activation,
    x: Numbers<'_>,
    width: usize,
    out: NumbersMut<'_>,
) -> bool {
    same!([x], [out], {
        let fits = width > 0 && out.len().is_multiple_of(width) && x.len() == 2 * out.len();
        let y = x.get(width..);
        fits && gate(level, function, Factors { x: Some(x), y, width, stride: 2 * width }, out)
    })
}

/// [`multiply`] into `x`, for as many numbers.
pub(crate) fn multiply_into<T: Float>(level: Level, function: Activation, x: &mut [T], y: &[T]) {
    gate(level, function, Factors { x: None, y: Some(y), width: PART, stride: PART }, x);
}

/// Elements that are a row where there are no rows.
const PART: usize = 4096;

/// Rows of `width` numbers, of which one begins `stride` after the other.
struct Factors<'a, T> {
    /// None where they are what the results replace.
    x: Option<&'a [T]>,
    y: Option<&'a [T]>,
    width: usize,
    stride: usize,
}

fn gate<T: Float>(level: Level, function: Activation, factors: Factors<'_, T>, out: &mut [T]) -> bool {
    let width = factors.width;
    rows::write(level, out, width, rows::grain(width), &Gated { factors, function });
    true
}

struct Gated<'a, T> {
    factors: Factors<'a, T>,
    function: Activation,
}

/// Elements that are converted at a time.
const BLOCK: usize = 512;

impl<T: Float> Rows for Gated<'_, T> {
    type Out = T;

    #[inline(always)]
    fn write<S: Simd>(&self, s: S, number: usize, out: &mut [T]) {
        let first = number * self.factors.stride;
        let mut x = self.factors.x.map(|x| x[first..][..out.len()].chunks(BLOCK));
        let mut y = self.factors.y.map(|y| y[first..].chunks(BLOCK));
        let mut block = [0.0; BLOCK];
        for out in out.chunks_mut(BLOCK) {
            widen(s, x.as_mut().and_then(Iterator::next).unwrap_or(out), &mut block);
            s.enter(Apply {
                function: self.function,
                to: &mut block[..out.len().next_multiple_of(S::LANES)],
            });
            if let Some(y) = y.as_mut().and_then(Iterator::next) {
                places::each(
                    s,
                    out.len(),
                    #[inline(always)]
                    |at| {
                        let factors = (s.load(&block[at.clone()]), T::load(s, &y[at.clone()]));
                        T::store(s, &mut out[at], s.mul(factors.0, factors.1));
                    },
                );
            } else {
                narrow(s, &block, out);
            }
        }
    }
}

/// The function of whole vectors, in place.
#[inline(always)]
pub(crate) fn apply<S: Simd>(s: S, function: Activation, to: &mut [f32]) {
    s.enter(Apply { function, to });
}

struct Apply<'a> {
    function: Activation,
    to: &'a mut [f32],
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.function {
            Activation::Sigmoid => each::<S, Sigmoid>(s, self.to),
            Activation::Silu => each::<S, Silu>(s, self.to),
            Activation::Gelu => each::<S, Gelu>(s, self.to),
            Activation::GeluApprox => each::<S, GeluApprox>(s, self.to),
            Activation::SquaredRelu => each::<S, SquaredRelu>(s, self.to),
            Activation::Tanh => each::<S, Tanh>(s, self.to),
        }
    }
}

#[inline(always)]
fn each<S: Simd, F: Function>(s: S, to: &mut [f32]) {
    for x in to.chunks_exact_mut(S::LANES) {
        s.store(x, F::of(s, s.load(x)));
    }
}

trait Function {
    /// The function of each lane; always inlined.
    fn of<S: Simd>(s: S, x: S::F) -> S::F;
}

macro_rules! functions {
    ($($name:ident($s:ident, $x:ident) = $value:expr;)*) => {$(
        struct $name;

        impl Function for $name {
            #[inline(always)]
            fn of<S: Simd>($s: S, $x: S::F) -> S::F {
                $value
            }
        }
    )*};
}

functions! {
    Sigmoid(s, x) = s.div(s.splat(1.0), one_and_power(s, x));
    Silu(s, x) = s.div(x, one_and_power(s, x));
    Gelu(s, x) = {
        let half = s.mul(x, s.splat(0.5));
        s.mul_add(half, erf(s, s.mul(x, s.splat(std::f32::consts::FRAC_1_SQRT_2))), half)
    };
    GeluApprox(s, x) = {
        // (1 + tanh(y)) / 2 is sigmoid(2 y), which does not lose digits below zero.
        let cubic = s.mul_add(s.mul(x, x), s.splat(0.044_715 * TWICE_ROOT), s.splat(TWICE_ROOT));
        s.div(x, one_and_power(s, s.mul(x, cubic)))
    };
    SquaredRelu(s, x) = {
        let positive = s.max(s.splat(0.0), x);
        s.mul(positive, positive)
    };
    Tanh(s, x) = tanh(s, x);
}

/// `2 √(2/π)`.
const TWICE_ROOT: f32 = 1.595_769;

/// `1 + exp(-x)`.
#[inline(always)]
fn one_and_power<S: Simd>(s: S, x: S::F) -> S::F {
    s.add(s.splat(1.0), exp(s, s.sub(s.splat(0.0), x)))
}
