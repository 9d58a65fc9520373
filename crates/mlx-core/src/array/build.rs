//! Making arrays.

use std::alloc::{Layout, handle_alloc_error};

use crate::ffi::{Handle, raw};
use crate::{Array, Dtype, Element, Error, Kind, Operand, Result, Scalar};

impl Array {
    /// A copy of `data` in row-major order. Literals become arrays by `Array::from([[1, 2], [3, 4]])`.
    ///
    /// ```
    /// let x = mlx_core::Array::from_slice(&[1_u8, 2, 3, 4, 5, 6], [2, 3])?;
    /// assert_eq!(x.shape(), [2, 3]);
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The lengths in `shape` do not multiply to the length of `data`.
    #[track_caller]
    pub fn from_slice<T: Element>(data: &[T], shape: impl AsRef<[i32]>) -> Result<Self> {
        Handle::copy_of("from_slice", data, shape.as_ref()).map(Self::from_handle)
    }

    /// The elements of `data` in row-major order. MLX takes the memory over where it can use it, and frees it
    /// with the last array that needs it; on a CPU without Metal it copies.
    ///
    /// ```
    /// let x = mlx_core::Array::from_vec(vec![1.0_f32; 6], [2, 3])?;
    /// assert_eq!(x.sum(..)?.item::<f32>()?, 6.0);
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The lengths in `shape` do not multiply to the length of `data`.
    #[track_caller]
    pub fn from_vec<T: Element>(data: Vec<T>, shape: impl AsRef<[i32]>) -> Result<Self> {
        Handle::from_vec("from_vec", data, shape.as_ref()).map(Self::from_handle)
    }

    /// `shape` filled with one number.
    #[track_caller]
    pub fn full(shape: impl AsRef<[i32]>, value: impl Into<Scalar>, dtype: Dtype) -> Result<Self> {
        let shape = shape.as_ref();
        check(shape, dtype, "full")?;
        raw::full(shape, &value.into().array(dtype)?, dtype)
    }

    /// `shape` filled with zeros. MLX has no memory that is not filled: its `empty` is this too.
    #[track_caller]
    pub fn zeros(shape: impl AsRef<[i32]>, dtype: Dtype) -> Result<Self> {
        let shape = shape.as_ref();
        check(shape, dtype, "zeros")?;
        raw::zeros(shape, dtype)
    }

    /// `shape` filled with ones.
    #[track_caller]
    pub fn ones(shape: impl AsRef<[i32]>, dtype: Dtype) -> Result<Self> {
        let shape = shape.as_ref();
        check(shape, dtype, "ones")?;
        raw::ones(shape, dtype)
    }

    /// Zeros in the shape and type of this array.
    #[track_caller]
    pub fn zeros_like(&self) -> Result<Self> {
        raw::zeros_like(self)
    }

    /// Ones in the shape and type of this array.
    #[track_caller]
    pub fn ones_like(&self) -> Result<Self> {
        raw::ones_like(self)
    }

    /// `value`, a number or an array that broadcasts, in the shape and type of this array.
    #[track_caller]
    pub fn full_like<'a>(&self, value: impl Operand<'a>) -> Result<Self> {
        // MLX's own op multiplies gradients by the value.
        raw::broadcast_to(&value.beside(self)?.astype(self.dtype())?, self.shape())?.contiguous(false)
    }

    /// A copy of `data`, which fills `shape`. Like any small allocation of Rust's, it ends the process where
    /// there is no memory.
    fn literal<T: Element>(data: &[T], shape: &[i32]) -> Self {
        Self::small(Handle::copy_of("array", data, shape))
    }

    fn small(handle: Result<Handle>) -> Self {
        match handle {
            Ok(handle) => Self::from_handle(handle),
            Err(_) => handle_alloc_error(Layout::new::<Handle>()),
        }
    }
}

/// Refuses a shape that no memory holds before MLX multiplies its lengths.
#[track_caller]
pub(crate) fn check(shape: &[i32], dtype: Dtype, op: &'static str) -> Result<()> {
    match dtype.bytes_of(shape) {
        Some(_) => Ok(()),
        None => {
            Err(Error::new(Kind::Shape, op, format!("shape {shape:?} has a negative or too large length")))
        }
    }
}

/// The length of a literal as MLX counts. One that is too long does not compile.
const fn length(n: usize) -> i32 {
    assert!(n <= i32::MAX as usize, "a literal has at most 2147483647 elements along an axis");
    n as i32
}

macro_rules! from_literals {
    ($($rust:ty),* $(,)?) => {$(
        impl<const N: usize> From<[$rust; N]> for Array {
            fn from(values: [$rust; N]) -> Self {
                Self::literal(&values, &[const { length(N) }])
            }
        }

        impl<const N: usize, const M: usize> From<[[$rust; M]; N]> for Array {
            fn from(values: [[$rust; M]; N]) -> Self {
                Self::literal(values.as_flattened(), &[const { length(N) }, const { length(M) }])
            }
        }

        impl<const N: usize, const M: usize, const L: usize> From<[[[$rust; L]; M]; N]> for Array {
            fn from(values: [[[$rust; L]; M]; N]) -> Self {
                let shape = [const { length(N) }, const { length(M) }, const { length(L) }];
                Self::literal(values.as_flattened().as_flattened(), &shape)
            }
        }
    )*};
}

macro_rules! from_numbers {
    ($($rust:ty => |$value:ident| $handle:expr;)*) => {$(
        impl From<$rust> for Array {
            fn from($value: $rust) -> Self {
                Self::small($handle)
            }
        }
    )*};
}

from_numbers! {
    bool => |value| Handle::of_bool(value);
    u8 => |value| Handle::copy_of("array", &[value], &[]);
    u16 => |value| Handle::copy_of("array", &[value], &[]);
    u64 => |value| Handle::copy_of("array", &[value], &[]);
    i8 => |value| Handle::copy_of("array", &[value], &[]);
    i16 => |value| Handle::copy_of("array", &[value], &[]);
    u32 => |value| Handle::copy_of("array", &[value], &[]);
    i32 => |value| Handle::of_i32(value);
    i64 => |value| Handle::copy_of("array", &[value], &[]);
    f32 => |value| Handle::of_f32(value);
    half::f16 => |value| Handle::copy_of("array", &[value], &[]);
    half::bf16 => |value| Handle::copy_of("array", &[value], &[]);
    crate::Complex64 => |value| Handle::of_complex64(value);
}

// Not `f64`: it would be the type of `Array::from(1.0)`.
from_literals!(bool, u8, u16, u32, u64, i8, i16, i32, i64, f32, half::f16, half::bf16, crate::Complex64);
