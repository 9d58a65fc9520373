//! Repeating along axes, without a copy, so that shapes agree.

use crate::ffi::{Vector, raw};
use crate::{Array, Error, Kind, Result};

/// How the axes of [`meshgrid`] stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Indexing {
    /// As in a plot: the first vector runs along the second axis, the second along the first.
    #[default]
    Xy,
    /// As in a matrix: each vector runs along the axis of its own place.
    Ij,
}

impl Array {
    /// Repeated along axes of length 1 and new leading axes, without a copy.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl AsRef<[i32]>) -> Result<Self> {
        raw::broadcast_to(self, shape.as_ref())
    }
}

/// The arrays in the shape that they have together.
#[track_caller]
pub fn broadcast_arrays<'a>(arrays: impl IntoIterator<Item = &'a Array>) -> Result<Vec<Array>> {
    raw::broadcast_arrays(&Vector::collect(arrays)?)
}

/// The shape that arrays of these shapes have together.
///
/// ```
/// assert_eq!(mlx_core::broadcast_shapes([&[2, 1][..], &[3]])?, [2, 3]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
///
/// # Errors
/// Two lengths of an axis differ and neither is 1, or one is negative.
#[track_caller]
pub fn broadcast_shapes<'a>(shapes: impl IntoIterator<Item = &'a [i32]>) -> Result<Vec<i32>> {
    let mut joined: Vec<i32> = Vec::new();
    for shape in shapes {
        let missing = shape.len().saturating_sub(joined.len());
        joined.splice(..0, std::iter::repeat_n(1, missing));
        let before = joined.len() - shape.len();
        for (length, &other) in joined.iter_mut().skip(before).zip(shape) {
            match (*length, other) {
                (a, b) if a == b || b == 1 => {}
                (1, b) if b >= 0 => *length = b,
                (a, b) => {
                    let message = format!("lengths {a} and {b} of shape {shape:?} do not go together");
                    return Err(Error::new(Kind::Shape, "broadcast_shapes", message));
                }
            }
        }
    }
    Ok(joined)
}

/// The coordinates of a grid, one array for each vector of places along an axis.
///
/// `sparse` grids keep length 1 along the axes of the other vectors.
#[track_caller]
pub fn meshgrid<'a>(
    vectors: impl IntoIterator<Item = &'a Array>,
    sparse: bool,
    indexing: Indexing,
) -> Result<Vec<Array>> {
    let indexing = match indexing {
        Indexing::Xy => c"xy",
        Indexing::Ij => c"ij",
    };
    raw::meshgrid(&Vector::collect(vectors)?, sparse, indexing)
}
