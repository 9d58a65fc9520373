//! Which axes a reduction goes over.

use std::ops::RangeFull;

/// The axes of a reduction: `-1`, `[0, 1]` or `..` for all; with [`keep`], they stay with length 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes {
    pub(crate) list: Option<Vec<i32>>,
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
        Self { list: Some(vec![axis]), keep: false }
    }
}

impl From<&[i32]> for Axes {
    fn from(axes: &[i32]) -> Self {
        Self { list: Some(axes.to_vec()), keep: false }
    }
}

impl<const N: usize> From<[i32; N]> for Axes {
    fn from(axes: [i32; N]) -> Self {
        Self { list: Some(axes.to_vec()), keep: false }
    }
}
