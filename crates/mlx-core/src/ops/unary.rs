//! Ops of one array, element by element. Shapes are kept.
//!
//! On a CPU, MLX computes `exp`, `sin`, `cos`, `erf` and `sigmoid` of `float64` as exactly as those of `float32`.

use std::borrow::Cow;
use std::slice;

use crate::ffi::{raw, transform};
use crate::{Array, Device, Dtype, Error, Kind, Result};

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
    /// All bits turned over; true becomes false. Also the operator `!`.
    bitwise_invert,
    /// The next whole number up.
    ceil,
    /// The imaginary part turned over.
    conjugate,
    /// The same values as an array of its own.
    copy,
    /// Cosine of an angle in radians.
    cos,
    /// Hyperbolic cosine.
    cosh,
    /// Radians as degrees.
    degrees,
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
    /// The imaginary part.
    imag,
    /// Whether an element is neither infinite nor NaN.
    isfinite,
    /// Whether an element is infinite.
    isinf,
    /// Whether an element is NaN.
    isnan,
    /// Whether an element is infinite and negative.
    isneginf,
    /// Whether an element is infinite and positive.
    isposinf,
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
    /// Degrees as radians.
    radians,
    /// The real part.
    real,
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
    /// The next whole number towards zero.
    trunc,
}

/// What stands in for numbers that are not finite.
///
/// ```
/// use mlx_core::{Array, NanToNum};
///
/// let x = Array::from([f32::NAN, f32::INFINITY, 1.0]);
/// let finite = x.nan_to_num(NanToNum { posinf: Some(9.0), ..NanToNum::default() })?;
/// assert_eq!(finite.to_vec::<f32>()?, [0.0, 9.0, 1.0]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NanToNum {
    /// For NaN.
    pub nan: f32,
    /// For positive infinity; the greatest number of the type if absent.
    pub posinf: Option<f32>,
    /// For negative infinity; the least number of the type if absent.
    pub neginf: Option<f32>,
}

impl Array {
    /// Rounds to `decimals` places, halves to even.
    #[track_caller]
    pub fn round(&self, decimals: i32) -> Result<Self> {
        raw::round(self, decimals)
    }

    /// Finite numbers in place of those that are not; see [`NanToNum`].
    ///
    /// # Errors
    /// The type is `float64` or `complex64`, of which MLX does not know the ends, and an infinity has no number.
    #[track_caller]
    pub fn nan_to_num(&self, numbers: NanToNum) -> Result<Self> {
        raw::nan_to_num(self, numbers.nan, numbers.posinf, numbers.neginf)
    }

    /// The nearest 8-bit floats of 4 exponent and 3 fraction bits (E4M3), as `uint8`.
    #[track_caller]
    pub fn to_fp8(&self) -> Result<Self> {
        if self.dtype() == Dtype::Float64 {
            // MLX has no kernel for it and reads each element as two.
            return raw::to_fp8(&self.astype(Dtype::Float32)?);
        }
        raw::to_fp8(self)
    }

    /// The numbers that [`to_fp8`](Self::to_fp8) stored, in a floating-point type.
    #[track_caller]
    pub fn from_fp8(&self, dtype: Dtype) -> Result<Self> {
        if dtype == Dtype::Float64 {
            // MLX has no kernel for it and fills half of each element.
            return raw::from_fp8(self, Dtype::Float32)?.astype(dtype);
        }
        raw::from_fp8(self, dtype)
    }

    /// The same values in row-major order in memory; or in column-major order if that is there and allowed.
    #[track_caller]
    pub fn contiguous(&self, allow_col_major: bool) -> Result<Self> {
        if self.size() == 0 {
            // On a GPU, MLX asks for the size of memory that such an array may not have.
            return Ok(self.clone());
        }
        raw::contiguous(self, allow_col_major)
    }

    /// This array as kernels of a GPU need it that take other layouts for row-major order.
    #[track_caller]
    pub(crate) fn for_gpu(&self) -> Result<Cow<'_, Self>> {
        if Device::current().is_cpu() {
            Ok(Cow::Borrowed(self))
        } else {
            self.contiguous(false).map(Cow::Owned)
        }
    }

    /// The same values, computed after `others`.
    #[track_caller]
    pub fn depends<'a>(&self, others: impl IntoIterator<Item = &'a Self>) -> Result<Self> {
        let out = transform::depends(slice::from_ref(self), others)?;
        match out.into_iter().next() {
            Some(array) => Ok(array),
            None => Err(Error::new(Kind::Mlx, "depends", "MLX returned no array")),
        }
    }
}
