//! What may stand beside an array in an op.

use std::borrow::Cow;

use crate::{Array, Result, Scalar};

/// The other side of a binary op: an array, the result of an op, or a number that adapts to the array.
///
/// ```
/// use mlx_core::prelude::*;
///
/// let x = Array::from([1.0, 2.0]).astype(Dtype::Bfloat16)?;
/// let y = ((&x * 2.0)? + x.exp())?;
/// assert_eq!(y.dtype(), Dtype::Bfloat16);
/// # Ok::<(), mlx_core::Error>(())
/// ```
pub trait Operand<'a> {
    /// The array to use beside `other`.
    ///
    /// # Errors
    /// The operand is itself a failed result.
    fn beside(self, other: &Array) -> Result<Cow<'a, Array>>;
}

impl<'a> Operand<'a> for &'a Array {
    fn beside(self, _: &Array) -> Result<Cow<'a, Array>> {
        Ok(Cow::Borrowed(self))
    }
}

impl<'a> Operand<'a> for Array {
    fn beside(self, _: &Array) -> Result<Cow<'a, Array>> {
        Ok(Cow::Owned(self))
    }
}

impl<'a> Operand<'a> for Result<Array> {
    fn beside(self, _: &Array) -> Result<Cow<'a, Array>> {
        self.map(Cow::Owned)
    }
}

impl<'a> Operand<'a> for Scalar {
    #[track_caller]
    fn beside(self, other: &Array) -> Result<Cow<'a, Array>> {
        self.array(self.dtype_beside(other.dtype())).map(Cow::Owned)
    }
}

macro_rules! numbers {
    ($($rust:ty),* $(,)?) => {$(
        impl<'a> Operand<'a> for $rust {
            #[track_caller]
            fn beside(self, other: &Array) -> Result<Cow<'a, Array>> {
                Scalar::from(self).beside(other)
            }
        }
    )*};
}

numbers!(bool, u8, u16, u32, i8, i16, i32, i64, f32, f64, half::f16, half::bf16, crate::Complex64);
