//! Numbers that adapt to the array they meet.

use half::{bf16, f16};

use crate::ffi::Handle;
use crate::{Array, Complex64, Dtype, Result};

/// A weak number: beside an array it takes the array's type, as a Python number does in MLX.
///
/// A fraction beside whole numbers makes the result `float32`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// A complex number.
    Complex(Complex64),
}

impl Scalar {
    /// The type this number takes beside elements of `dtype`.
    pub fn dtype_beside(self, dtype: Dtype) -> Dtype {
        match self {
            Self::Bool(_) => dtype,
            Self::Int(_) if dtype == Dtype::Bool => Dtype::Int32,
            Self::Int(_) => dtype,
            Self::Float(_) if dtype.is_float() || dtype == Dtype::Complex64 => dtype,
            Self::Float(_) => Dtype::Float32,
            Self::Complex(_) => Dtype::Complex64,
        }
    }

    /// A zero-dimensional array of this number in `dtype`.
    #[track_caller]
    pub(crate) fn array(self, dtype: Dtype) -> Result<Array> {
        let exact = match self {
            Self::Bool(value) => Array::from(value),
            Self::Int(value) => Array::from(value),
            Self::Float(value) if dtype == Dtype::Float64 => Array::from_handle(Handle::of_f64(value)?),
            Self::Float(value) => Array::from(value as f32),
            Self::Complex(value) => Array::from(value),
        };
        if exact.dtype() == dtype { Ok(exact) } else { exact.astype(dtype) }
    }
}

macro_rules! from_numbers {
    ($($rust:ty => $variant:ident),* $(,)?) => {$(
        impl From<$rust> for Scalar {
            fn from(value: $rust) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

from_numbers! {
    bool => Bool,
    u8 => Int,
    u16 => Int,
    u32 => Int,
    i8 => Int,
    i16 => Int,
    i32 => Int,
    i64 => Int,
    f32 => Float,
    f64 => Float,
    f16 => Float,
    bf16 => Float,
    Complex64 => Complex,
}
