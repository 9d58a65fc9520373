//! Rust types that can be elements.

use std::borrow::Cow;

use half::{bf16, f16};

use crate::Dtype;

/// A complex number of two singles.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct Complex64 {
    /// Real part.
    pub re: f32,
    /// Imaginary part.
    pub im: f32,
}

/// A Rust type that an array can hold.
pub trait Element: Copy + Default + private::Sealed + 'static {
    /// The array's type for it.
    const DTYPE: Dtype;
}

pub(crate) mod private {
    use std::borrow::Cow;

    /// How an element lies in memory.
    pub trait Sealed: Clone {
        /// A type of the same size for which every bit pattern is valid.
        type Bits: Copy + Default;

        /// The element that `bits` stand for.
        fn from_bits(bits: Self::Bits) -> Self;

        /// The elements that `bits` stand for, without a copy where the two are the same.
        fn lend(bits: &[Self::Bits]) -> Cow<'_, [Self]>;
    }
}

macro_rules! elements {
    ($($rust:ty => $dtype:ident),* $(,)?) => {$(
        impl private::Sealed for $rust {
            type Bits = $rust;

            fn from_bits(bits: $rust) -> $rust {
                bits
            }

            fn lend(bits: &[$rust]) -> Cow<'_, [$rust]> {
                Cow::Borrowed(bits)
            }
        }

        impl Element for $rust {
            const DTYPE: Dtype = Dtype::$dtype;
        }
    )*};
}

elements! {
    u8 => Uint8,
    u16 => Uint16,
    u32 => Uint32,
    u64 => Uint64,
    i8 => Int8,
    i16 => Int16,
    i32 => Int32,
    i64 => Int64,
    f16 => Float16,
    f32 => Float32,
    f64 => Float64,
    bf16 => Bfloat16,
    Complex64 => Complex64,
}

/// MLX's truth values may be any byte when they come from a file.
impl private::Sealed for bool {
    type Bits = u8;

    fn from_bits(bits: u8) -> Self {
        bits != 0
    }

    fn lend(bits: &[u8]) -> Cow<'_, [Self]> {
        Cow::Owned(bits.iter().map(|&byte| byte != 0).collect())
    }
}

impl Element for bool {
    const DTYPE: Dtype = Dtype::Bool;
}
