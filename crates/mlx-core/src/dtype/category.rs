//! Kinds of type, one within the other.

use crate::Dtype;

/// A kind of type, as NumPy's hierarchy has them; [`contains`](Category::contains) is MLX's `issubdtype`.
///
/// ```
/// use mlx_core::{Category, Dtype};
///
/// assert!(Category::Inexact.contains(Dtype::Bfloat16));
/// assert!(Category::Number.contains(Category::Integer));
/// assert!(!Category::Number.contains(Dtype::Bool));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// Every type.
    Generic,
    /// Every type but `bool`.
    Number,
    /// Whole numbers.
    Integer,
    /// Whole numbers of either sign.
    SignedInteger,
    /// Whole numbers from 0 up.
    UnsignedInteger,
    /// Real and complex floating-point numbers.
    Inexact,
    /// Real floating-point numbers.
    Floating,
    /// Complex numbers.
    ComplexFloating,
}

impl Category {
    /// Whether a type, or every type of a category, is of this category.
    pub fn contains(self, other: impl Into<Self>) -> bool {
        let mut other = other.into();
        while other != self {
            match other.parent() {
                Some(parent) => other = parent,
                None => return false,
            }
        }
        true
    }

    /// The next wider category.
    fn parent(self) -> Option<Self> {
        match self {
            Self::Generic => None,
            Self::Number => Some(Self::Generic),
            Self::Integer | Self::Inexact => Some(Self::Number),
            Self::SignedInteger | Self::UnsignedInteger => Some(Self::Integer),
            Self::Floating | Self::ComplexFloating => Some(Self::Inexact),
        }
    }
}

/// The narrowest category of a type.
impl From<Dtype> for Category {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::Bool => Self::Generic,
            Dtype::Complex64 => Self::ComplexFloating,
            float if float.is_float() => Self::Floating,
            signed if signed.is_signed() => Self::SignedInteger,
            _ => Self::UnsignedInteger,
        }
    }
}
