//! Ops of two arrays, element by element; shapes broadcast. `+ - * / %` are operators.

use crate::ffi::raw;
use crate::{Array, Operand, Result};

macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        impl Array {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name<'a>(&self, other: impl Operand<'a>) -> Result<Self> {
                raw::$name(self, &*other.beside(self)?)
            }
        )*}
    };
}

binary! {
    /// Angle of the point with this height and `other` as width, in radians.
    arctan2,
    /// Bits set in both.
    bitwise_and,
    /// Bits set in either.
    bitwise_or,
    /// Bits set in one of the two.
    bitwise_xor,
    /// Whether elements are equal.
    equal,
    /// Whether elements are greater.
    greater,
    /// Whether elements are greater or equal.
    greater_equal,
    /// Bits moved up by `other`.
    left_shift,
    /// Whether elements are less.
    less,
    /// Whether elements are less or equal.
    less_equal,
    /// `log(exp(a) + exp(b))` without overflow.
    logaddexp,
    /// Whether both are true.
    logical_and,
    /// Whether either is true.
    logical_or,
    /// The greater of the two; NaN if either is.
    maximum,
    /// The smaller of the two; NaN if either is.
    minimum,
    /// Whether elements differ.
    not_equal,
    /// This to the power of `other`.
    power,
    /// Bits moved down by `other`.
    right_shift,
}
