//! Quotients and remainders.
//!
//! On a CPU, dividing a whole number by zero ends the process, and so does dividing the least one by -1.
//! Neither divisor reaches MLX.

use crate::ffi::raw;
use crate::{Array, Error, Kind, Operand, Result, Scalar};

impl Array {
    /// The quotient rounded down; whole numbers are cut towards zero, and give 0 where `other` is 0.
    #[track_caller]
    pub fn floor_divide<'a>(&self, other: impl Operand<'a>) -> Result<Self> {
        let other = other.beside(self)?;
        if !are_whole(self, &other) {
            return raw::floor_divide(self, &other);
        }
        mended(self, &other, raw::floor_divide(self, &divisor(&other)?)?)
    }

    /// The quotient rounded down and what it leaves, which has the sign of `other`; whole numbers give 0 and 0
    /// where that is 0.
    #[track_caller]
    pub fn divmod<'a>(&self, other: impl Operand<'a>) -> Result<(Self, Self)> {
        let other = other.beside(self)?;
        if !are_whole(self, &other) {
            // MLX's op for both has a gradient of zeros.
            return Ok((raw::floor_divide(self, &other)?, raw::remainder(self, &other)?));
        }
        let (quotient, rest) = pair(raw::divmod(self, &divisor(&other)?)?)?;
        Ok((mended(self, &other, quotient)?, rest))
    }
}

#[track_caller]
fn pair(arrays: Vec<Array>) -> Result<(Array, Array)> {
    match <[Array; 2]>::try_from(arrays) {
        Ok([quotient, rest]) => Ok((quotient, rest)),
        Err(arrays) => {
            let message = format!("MLX returned {} arrays", arrays.len());
            Err(Error::new(Kind::Mlx, "divmod", message))
        }
    }
}

/// `quotient` as it is where `other` is neither 0 nor -1; there 0, or the negative of the dividend.
#[track_caller]
fn mended(dividend: &Array, other: &Array, quotient: Array) -> Result<Array> {
    let zero = raw::zeros(&[], quotient.dtype())?;
    let quotient = raw::r#where(&other.equal(0)?, &zero, &quotient)?;
    if other.dtype().is_signed() {
        let negative = raw::negative(&dividend.astype(quotient.dtype())?)?;
        raw::r#where(&other.equal(-1)?, &negative, &quotient)
    } else {
        Ok(quotient)
    }
}

/// What `dividend / divisor` leaves, with the sign of the divisor; whole numbers give 0 where it is 0.
#[track_caller]
pub(crate) fn remainder(dividend: &Array, other: &Array) -> Result<Array> {
    if are_whole(dividend, other) {
        raw::remainder(dividend, &divisor(other)?)
    } else {
        raw::remainder(dividend, other)
    }
}

fn are_whole(a: &Array, b: &Array) -> bool {
    [a, b].iter().all(|array| array.dtype().is_integer() || array.dtype() == crate::Dtype::Bool)
}

/// `array` with 1 in place of 0 and -1: the remainder by 1 is 0, as it is by -1.
#[track_caller]
fn divisor(array: &Array) -> Result<Array> {
    let one = Scalar::Int(1).array(array.dtype())?;
    let ones = raw::r#where(&array.equal(0)?, &one, array)?;
    if array.dtype().is_signed() { raw::r#where(&array.equal(-1)?, &one, &ones) } else { Ok(ones) }
}
