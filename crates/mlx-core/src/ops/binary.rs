//! Ops of two arrays, element by element; shapes broadcast. `+ - * / % & | ^ << >>` are operators.

use std::ops::{RangeFrom, RangeInclusive, RangeToInclusive};

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
    /// Whether one of the two is true.
    logical_xor,
    /// The greater of the two; NaN if either is.
    maximum,
    /// The smaller of the two; NaN if either is.
    minimum,
    /// Whether elements differ.
    not_equal,
    /// This to the power of `other`.
    power,
}

/// How near is near: two numbers no further apart than `atol + rtol · |other|`.
///
/// ```
/// use mlx_core::{Array, Closeness};
///
/// let (x, y) = (Array::from([1.0, f32::NAN]), Array::from([1.01, f32::NAN]));
/// let closeness = Closeness { rtol: 0.1, equal_nan: true, ..Closeness::default() };
/// assert!(x.allclose(&y, closeness)? && !x.allclose(&y, Closeness::default())?);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Closeness {
    /// The part that grows with the other number.
    pub rtol: f64,
    /// The part that does not.
    pub atol: f64,
    /// Take NaN for near NaN.
    pub equal_nan: bool,
}

/// NumPy's: one in 100 000, and `1e-8` near zero.
impl Default for Closeness {
    fn default() -> Self {
        Self { rtol: 1e-5, atol: 1e-8, equal_nan: false }
    }
}

impl Array {
    /// Whether elements are near each other; infinities are near themselves.
    #[track_caller]
    pub fn isclose<'a>(&self, other: impl Operand<'a>, closeness: Closeness) -> Result<Self> {
        let Closeness { rtol, atol, equal_nan } = closeness;
        raw::isclose(self, &*other.beside(self)?, rtol, atol, equal_nan)
    }

    /// Whether all elements are near each other, which computes them; shapes broadcast.
    #[track_caller]
    pub fn allclose<'a>(&self, other: impl Operand<'a>, closeness: Closeness) -> Result<bool> {
        self.isclose(other, closeness)?.all(..)?.item()
    }

    /// Whether shapes and elements are equal, which computes them; the types may differ.
    #[track_caller]
    pub fn array_equal(&self, other: &Self, equal_nan: bool) -> Result<bool> {
        if self.size() == 0 || other.size() == 0 {
            return Ok(self.shape() == other.shape());
        }
        raw::array_equal(self, other, equal_nan)?.item()
    }

    /// Elements brought into a range: `0.0..=1.0`, `..=9`, or `&low..=&high`. Where `low > high`, `high`.
    #[track_caller]
    pub fn clip<'a, T: Operand<'a>>(&self, range: impl Limits<T>) -> Result<Self> {
        let (low, high) = range.limits();
        let above = match low {
            Some(low) => self.maximum(low)?,
            None => self.clone(),
        };
        match high {
            Some(high) => above.minimum(high),
            None => Ok(above),
        }
    }
}

/// A range that includes its ends, one of which may be open.
pub trait Limits<T> {
    /// The least and the greatest of the range.
    fn limits(self) -> (Option<T>, Option<T>);
}

impl<T> Limits<T> for RangeInclusive<T> {
    fn limits(self) -> (Option<T>, Option<T>) {
        let (low, high) = self.into_inner();
        (Some(low), Some(high))
    }
}

impl<T> Limits<T> for RangeFrom<T> {
    fn limits(self) -> (Option<T>, Option<T>) {
        (Some(self.start), None)
    }
}

impl<T> Limits<T> for RangeToInclusive<T> {
    fn limits(self) -> (Option<T>, Option<T>) {
        (None, Some(self.end))
    }
}
