//! Ops of one array, element by element. Shapes are kept.

use crate::ffi::raw;
use crate::{Array, Result};

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        impl Array {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self) -> Result<Self> {
                raw::$name(self)
            }
        )*}
    };
}

unary! {
    /// The distance from zero.
    abs,
    /// Angle whose cosine this is, in radians.
    arccos,
    /// Inverse of `cosh`.
    arccosh,
    /// Angle whose sine this is, in radians.
    arcsin,
    /// Inverse of `sinh`.
    arcsinh,
    /// Angle whose tangent this is, in radians.
    arctan,
    /// Inverse of `tanh`.
    arctanh,
    /// The next whole number up.
    ceil,
    /// Cosine of an angle in radians.
    cos,
    /// Hyperbolic cosine.
    cosh,
    /// The error function, `2/√π ∫₀ˣ exp(-t²) dt`.
    erf,
    /// Inverse of `erf`.
    erfinv,
    /// `e` to the power of each element.
    exp,
    /// `exp(x) - 1`, exact near zero.
    expm1,
    /// The next whole number down.
    floor,
    /// Whether an element is neither infinite nor NaN.
    isfinite,
    /// Whether an element is infinite.
    isinf,
    /// Whether an element is NaN.
    isnan,
    /// Natural logarithm.
    log,
    /// Logarithm to base 10.
    log10,
    /// `log(1 + x)`, exact near zero.
    log1p,
    /// Logarithm to base 2.
    log2,
    /// Whether an element is zero or false.
    logical_not,
    /// `1 / x`.
    reciprocal,
    /// `1 / √x`.
    rsqrt,
    /// The logistic function, `1 / (1 + exp(-x))`.
    sigmoid,
    /// -1, 0 or 1.
    sign,
    /// Sine of an angle in radians.
    sin,
    /// Hyperbolic sine.
    sinh,
    /// Square root.
    sqrt,
    /// `x · x`.
    square,
    /// The same values, as constants for differentiation.
    stop_gradient,
    /// Tangent of an angle in radians.
    tan,
    /// Hyperbolic tangent.
    tanh,
}

impl Array {
    /// Rounds to `decimals` places, halves to even.
    #[track_caller]
    pub fn round(&self, decimals: i32) -> Result<Self> {
        raw::round(self, decimals)
    }
}
