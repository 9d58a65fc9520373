//! The types of element.

mod category;
mod limits;
mod promotion;

use std::fmt;
use std::str::FromStr;

pub use category::Category;
pub use limits::{FloatInfo, IntInfo};

/// The type of an array's elements, by MLX's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// One byte, true or false.
    Bool,
    /// Unsigned, 8 bits.
    Uint8,
    /// Unsigned, 16 bits.
    Uint16,
    /// Unsigned, 32 bits.
    Uint32,
    /// Unsigned, 64 bits.
    Uint64,
    /// Signed, 8 bits.
    Int8,
    /// Signed, 16 bits.
    Int16,
    /// Signed, 32 bits.
    Int32,
    /// Signed, 64 bits.
    Int64,
    /// IEEE half precision.
    Float16,
    /// IEEE single precision.
    Float32,
    /// IEEE double precision, on the CPU only.
    Float64,
    /// The upper half of a single.
    Bfloat16,
    /// Two singles: real and imaginary part.
    Complex64,
}

impl Dtype {
    /// All types, in MLX's order.
    pub const ALL: [Self; 14] = [
        Self::Bool,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Float16,
        Self::Float32,
        Self::Float64,
        Self::Bfloat16,
        Self::Complex64,
    ];

    /// More than any process has addresses for.
    pub(crate) const MOST_BYTES: u64 = 1 << 47;

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => 1,
            Self::Uint16 | Self::Int16 | Self::Float16 | Self::Bfloat16 => 2,
            Self::Uint32 | Self::Int32 | Self::Float32 => 4,
            Self::Uint64 | Self::Int64 | Self::Float64 | Self::Complex64 => 8,
        }
    }

    /// Bytes of an array of `shape`; `None` if a length is negative or no process has so many addresses.
    pub(crate) fn bytes_of(self, shape: &[i32]) -> Option<usize> {
        let bytes = shape.iter().try_fold(self.size(), |bytes, &length| {
            usize::try_from(length).ok().and_then(|length| bytes.checked_mul(length))
        });
        bytes.filter(|&bytes| (bytes as u64) < Self::MOST_BYTES)
    }

    /// Whether elements are real floating-point numbers.
    pub fn is_float(self) -> bool {
        matches!(self, Self::Float16 | Self::Bfloat16 | Self::Float32 | Self::Float64)
    }

    /// Whether elements are whole numbers. Truth values are not.
    pub fn is_integer(self) -> bool {
        !self.is_float() && !matches!(self, Self::Bool | Self::Complex64)
    }

    /// Whether elements can be negative.
    pub fn is_signed(self) -> bool {
        !matches!(self, Self::Bool | Self::Uint8 | Self::Uint16 | Self::Uint32 | Self::Uint64)
    }

    /// The name in MLX's Python interface, such as `bfloat16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float16 => "float16",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Bfloat16 => "bfloat16",
            Self::Complex64 => "complex64",
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dtype {
    type Err = String;

    /// Reads MLX's name, which is also PyTorch's.
    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|d| d.name() == name).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|d| d.name()).collect();
            format!("unknown dtype `{name}`: one of {}", known.join(", "))
        })
    }
}
