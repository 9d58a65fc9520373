//! Making arrays.

use crate::ffi::{Handle, raw};
use crate::{Array, Dtype, Element, Error, Kind, Result, Scalar};

impl Array {
    /// A copy of `data` in row-major order.
    ///
    /// # Errors
    /// The lengths in `shape` do not multiply to the length of `data`.
    #[track_caller]
    pub fn from_slice<T: Element>(data: &[T], shape: impl AsRef<[i32]>) -> Result<Self> {
        let shape = shape.as_ref();
        if element_count(shape) != Some(data.len()) {
            let message = format!("{} elements do not fill shape {shape:?}", data.len());
            return Err(Error::new(Kind::Shape, "from_slice", message));
        }
        Ok(Self::from_handle(Handle::copy_of(data, shape)))
    }

    /// `shape` filled with one number.
    #[track_caller]
    pub fn full(shape: impl AsRef<[i32]>, value: impl Into<Scalar>, dtype: Dtype) -> Result<Self> {
        let shape = shape.as_ref();
        checked(shape, "full")?;
        raw::full(shape, &value.into().array(dtype)?, dtype)
    }

    /// `shape` filled with zeros.
    #[track_caller]
    pub fn zeros(shape: impl AsRef<[i32]>, dtype: Dtype) -> Result<Self> {
        checked(shape.as_ref(), "zeros")?;
        raw::zeros(shape.as_ref(), dtype)
    }

    /// `shape` filled with ones.
    #[track_caller]
    pub fn ones(shape: impl AsRef<[i32]>, dtype: Dtype) -> Result<Self> {
        checked(shape.as_ref(), "ones")?;
        raw::ones(shape.as_ref(), dtype)
    }

    /// The numbers of `range` one apart, as `int32`.
    #[track_caller]
    pub fn arange(range: std::ops::Range<i32>) -> Result<Self> {
        raw::arange(f64::from(range.start), f64::from(range.end), 1.0, Dtype::Int32)
    }
}

/// How many elements `shape` has, if its lengths are valid and their product fits.
fn element_count(shape: &[i32]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |n, &length| n.checked_mul(usize::try_from(length).ok()?))
}

#[track_caller]
fn checked(shape: &[i32], op: &'static str) -> Result<()> {
    match element_count(shape) {
        Some(_) => Ok(()),
        None => {
            Err(Error::new(Kind::Shape, op, format!("shape {shape:?} has a negative or too large length")))
        }
    }
}

macro_rules! from_literals {
    ($($rust:ty),* $(,)?) => {$(
        impl From<$rust> for Array {
            fn from(value: $rust) -> Self {
                Self::from_handle(Handle::copy_of(&[value], &[]))
            }
        }

        impl<const N: usize> From<[$rust; N]> for Array {
            fn from(values: [$rust; N]) -> Self {
                Self::from_handle(Handle::copy_of(&values, &[N as i32]))
            }
        }

        impl<const N: usize, const M: usize> From<[[$rust; M]; N]> for Array {
            fn from(values: [[$rust; M]; N]) -> Self {
                Self::from_handle(Handle::copy_of(values.as_flattened(), &[N as i32, M as i32]))
            }
        }
    )*};
}

from_literals!(bool, u8, u32, i32, i64, f32, half::f16, half::bf16, crate::Complex64);
