//! Diagonals: arrays made of them, and what lies on or beside them.

use crate::array::build::check;
use crate::ffi::raw;
use crate::{Array, Dtype, Result};

/// A triangle's diagonal farther out than this, MLX would count past the end of its integers.
const FARTHEST: i32 = i32::MAX / 2;

/// Which diagonal: `0` is the main one of the first two axes, `1` the one above it, `-1` the one below.
///
/// ```
/// use mlx_core::{Array, Diagonal};
///
/// let x = Array::from([[1, 2], [3, 4]]);
/// assert_eq!(x.trace(0)?.item::<i32>()?, 5);
/// let last = Diagonal { axes: [-2, -1], ..Diagonal::from(1) };
/// assert_eq!(x.diagonal(last)?.to_vec::<i32>()?, [2]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diagonal {
    /// How far above the main diagonal.
    pub offset: i32,
    /// The axis of the rows and that of the columns.
    pub axes: [i32; 2],
}

impl From<i32> for Diagonal {
    fn from(offset: i32) -> Self {
        Self { offset, axes: [0, 1] }
    }
}

impl Array {
    /// Ones on a diagonal of a matrix of `[rows, columns]`, zeros elsewhere.
    #[track_caller]
    pub fn eye(shape: [i32; 2], diagonal: i32, dtype: Dtype) -> Result<Self> {
        check(&shape, dtype, "eye")?;
        let [rows, columns] = shape;
        raw::eye(rows, columns, countable(diagonal), dtype)
    }

    /// The square matrix that changes nothing in a product.
    #[track_caller]
    pub fn identity(n: i32, dtype: Dtype) -> Result<Self> {
        check(&[n, n], dtype, "identity")?;
        raw::identity(n, dtype)
    }

    /// Ones on a diagonal of a matrix of `[rows, columns]` and below it, zeros above.
    #[track_caller]
    pub fn tri(shape: [i32; 2], diagonal: i32, dtype: Dtype) -> Result<Self> {
        check(&shape, dtype, "tri")?;
        let [rows, columns] = shape;
        if rows == 0 || columns == 0 {
            return raw::zeros(&shape, dtype);
        }
        raw::tri(rows, columns, near(diagonal), dtype)
    }

    /// Elements below the given diagonal and on it; the others are zero.
    #[track_caller]
    pub fn tril(&self, diagonal: i32) -> Result<Self> {
        if self.has_no_triangle() { Ok(self.clone()) } else { raw::tril(self, near(diagonal)) }
    }

    /// Elements above the given diagonal and on it; the others are zero.
    #[track_caller]
    pub fn triu(&self, diagonal: i32) -> Result<Self> {
        if self.has_no_triangle() { Ok(self.clone()) } else { raw::triu(self, near(diagonal)) }
    }

    /// Whether matrices have no elements, of which MLX would still count along each side, however long.
    fn has_no_triangle(&self) -> bool {
        self.ndim() >= 2 && self.size() == 0
    }

    /// The square matrix with this vector on a diagonal, or the vector on a diagonal of this matrix.
    #[track_caller]
    pub fn diag(&self, diagonal: i32) -> Result<Self> {
        if let &[length] = self.shape() {
            let side = length.saturating_add(diagonal.saturating_abs());
            check(&[side, side], self.dtype(), "diag")?;
        }
        raw::diag(self, countable(diagonal))
    }

    /// The elements on a diagonal, as a new last axis in place of the two axes.
    #[track_caller]
    pub fn diagonal(&self, diagonal: impl Into<Diagonal>) -> Result<Self> {
        let Diagonal { offset, axes: [rows, columns] } = diagonal.into();
        raw::diagonal(self, countable(offset), rows, columns)
    }

    /// The sum of the elements on a diagonal.
    #[track_caller]
    pub fn trace(&self, diagonal: impl Into<Diagonal>) -> Result<Self> {
        self.diagonal(diagonal)?.sum(-1)
    }
}

/// The diagonal of a triangle as far out as MLX can count.
fn near(diagonal: i32) -> i32 {
    diagonal.clamp(-FARTHEST, FARTHEST)
}

/// A diagonal of which MLX can take the negative: outside every matrix like the one before it.
fn countable(diagonal: i32) -> i32 {
    diagonal.max(-i32::MAX)
}
