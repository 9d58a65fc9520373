//! Moving bits.
//!
//! C++ does not say what a shift by a negative count, or by all bits and more, gives. NumPy does: every bit
//! is moved out. No such count reaches MLX.

use crate::ffi::raw;
use crate::{Array, Dtype, Operand, Result, Scalar};

impl Array {
    /// Bits moved up by `other` places; 0 where that is negative or at least the number of bits.
    #[track_caller]
    pub fn left_shift<'a>(&self, other: impl Operand<'a>) -> Result<Self> {
        left(self, &*other.beside(self)?)
    }

    /// Bits moved down by `other` places; 0, or -1 for a negative number, where that is negative or at least
    /// the number of bits.
    #[track_caller]
    pub fn right_shift<'a>(&self, other: impl Operand<'a>) -> Result<Self> {
        right(self, &*other.beside(self)?)
    }
}

#[track_caller]
pub(crate) fn left(bits: &Array, by: &Array) -> Result<Array> {
    match Counts::new(bits, by)? {
        Some(counts) => counts.or_zero(&raw::left_shift(bits, &counts.known_or(0)?)?),
        None => raw::left_shift(bits, by),
    }
}

#[track_caller]
pub(crate) fn right(bits: &Array, by: &Array) -> Result<Array> {
    match Counts::new(bits, by)? {
        Some(counts) if counts.dtype.is_signed() => {
            raw::right_shift(bits, &counts.known_or(counts.width - 1)?)
        }
        Some(counts) => counts.or_zero(&raw::right_shift(bits, &counts.known_or(0)?)?),
        None => raw::right_shift(bits, by),
    }
}

/// By how much to shift.
struct Counts {
    by: Array,
    /// The type of the result.
    dtype: Dtype,
    width: i64,
    /// Where the result is known.
    known: Array,
}

impl Counts {
    /// `None` for types without bits, which MLX refuses.
    #[track_caller]
    fn new(bits: &Array, by: &Array) -> Result<Option<Self>> {
        let dtype = match bits.dtype().promote(by.dtype()) {
            Dtype::Bool => Dtype::Uint8,
            other => other,
        };
        if !dtype.is_integer() {
            return Ok(None);
        }
        let (by, width) = (by.astype(dtype)?, 8 * dtype.size() as i64);
        let below = by.less(width)?;
        let known = if dtype.is_signed() { below.logical_and(by.greater_equal(0)?)? } else { below };
        Ok(Some(Self { by, dtype, width, known }))
    }

    /// The counts, and another where the result is not known.
    #[track_caller]
    fn known_or(&self, other: i64) -> Result<Array> {
        raw::r#where(&self.known, &self.by, &Scalar::Int(other).array(self.dtype)?)
    }

    /// `shifted`, and 0 where the result is not known.
    #[track_caller]
    fn or_zero(&self, shifted: &Array) -> Result<Array> {
        raw::r#where(&self.known, shifted, &Scalar::Int(0).array(self.dtype)?)
    }
}
