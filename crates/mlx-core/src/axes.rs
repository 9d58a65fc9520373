//! Which axes an op goes over, and how.

use std::ops::{Deref, RangeFull};

/// The axes of a reduction: `-1`, `[0, 1]` or `..` for all; with [`keep`], they stay with length 1.
///
/// ```
/// use mlx_core::{Array, keep};
///
/// let x = Array::from([[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(x.sum(0)?.to_vec::<f32>()?, [4.0, 6.0]);
/// assert_eq!(x.sum(keep(-1))?.shape(), [2, 1]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes {
    pub(crate) list: Option<List>,
    pub(crate) keep: bool,
}

/// The same axes, kept in the result with length 1.
pub fn keep(axes: impl Into<Axes>) -> Axes {
    Axes { keep: true, ..axes.into() }
}

impl From<RangeFull> for Axes {
    fn from(_: RangeFull) -> Self {
        Self { list: None, keep: false }
    }
}

impl From<i32> for Axes {
    fn from(axis: i32) -> Self {
        Self { list: Some(List::One([axis])), keep: false }
    }
}

impl From<&[i32]> for Axes {
    fn from(axes: &[i32]) -> Self {
        Self { list: Some(axes.into()), keep: false }
    }
}

impl<const N: usize> From<[i32; N]> for Axes {
    fn from(axes: [i32; N]) -> Self {
        Self { list: Some(axes[..].into()), keep: false }
    }
}

/// Some axes. One alone, as most often, takes no memory of its own.
#[derive(Clone, Debug)]
pub(crate) enum List {
    One([i32; 1]),
    Many(Vec<i32>),
}

impl Deref for List {
    type Target = [i32];

    fn deref(&self) -> &[i32] {
        match self {
            Self::One(axis) => axis,
            Self::Many(axes) => axes,
        }
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for List {}

impl From<&[i32]> for List {
    fn from(axes: &[i32]) -> Self {
        match axes {
            &[axis] => Self::One([axis]),
            _ => Self::Many(axes.to_vec()),
        }
    }
}

/// How a running total goes along its axis; `-1` alone is from the front, each element included.
///
/// ```
/// use mlx_core::{Array, Scan};
///
/// let before = Scan { inclusive: false, ..Scan::from(0) };
/// assert_eq!(Array::from([1, 2, 3]).cumsum(before)?.to_vec::<i32>()?, [0, 1, 3]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The axis to go along.
    pub axis: i32,
    /// Go from the end to the front.
    pub reverse: bool,
    /// Count each element in its own total.
    pub inclusive: bool,
}

impl From<i32> for Scan {
    fn from(axis: i32) -> Self {
        Self { axis, reverse: false, inclusive: true }
    }
}
