//! The type of a result, by JAX's promotion rules, which MLX follows.

use crate::Dtype;

impl Dtype {
    /// The type of the result of an op on elements of two types.
    ///
    /// MLX's `result_type` of several is a fold from `Bool`:
    ///
    /// ```
    /// use mlx_core::Dtype;
    ///
    /// assert_eq!(Dtype::Uint8.promote(Dtype::Int8), Dtype::Int16);
    /// let types = [Dtype::Int32, Dtype::Float16, Dtype::Bool];
    /// assert_eq!(types.into_iter().fold(Dtype::Bool, Dtype::promote), Dtype::Float16);
    /// ```
    #[must_use]
    pub fn promote(self, other: Self) -> Self {
        let (narrow, wide) = if self.rank() < other.rank() { (self, other) } else { (other, self) };
        match (narrow, wide) {
            (Self::Float16, Self::Bfloat16) | (Self::Bfloat16, Self::Float16) => Self::Float32,
            (Self::Uint64, _) if wide.is_integer() && wide.is_signed() => Self::Float32,
            (_, Self::Int8 | Self::Int16 | Self::Int32) if !narrow.is_signed() => wide.or_twice(narrow),
            _ => wide,
        }
    }

    /// Whether [`promote`](Self::promote) with `to` gives `to`: MLX's `can_cast`.
    pub fn can_cast(self, to: Self) -> bool {
        self.promote(to) == to
    }

    /// Where the type stands: of two types, the one that stands higher decides.
    fn rank(self) -> u8 {
        match self {
            Self::Bool => 0,
            Self::Uint8 => 1,
            Self::Uint16 => 2,
            Self::Uint32 => 3,
            Self::Uint64 => 4,
            Self::Int8 => 5,
            Self::Int16 => 6,
            Self::Int32 => 7,
            Self::Int64 => 8,
            Self::Float16 | Self::Bfloat16 => 9,
            Self::Float32 => 10,
            Self::Float64 => 11,
            Self::Complex64 => 12,
        }
    }

    /// This signed type, or a wider one that holds every number of `unsigned`.
    fn or_twice(self, unsigned: Self) -> Self {
        match unsigned {
            Self::Uint8 if self == Self::Int8 => Self::Int16,
            Self::Uint16 if self != Self::Int32 => Self::Int32,
            Self::Uint32 => Self::Int64,
            _ => self,
        }
    }
}
