//! How an array lies in memory.

use crate::ffi::data;
use crate::{Array, Result};

/// How the elements of an evaluated array lie in its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// For each axis, how many elements further its next one lies: negative after a reversal, 0 after a broadcast.
    pub strides: Vec<i64>,
    /// The elements fill their part of memory without a gap, in some order.
    pub contiguous: bool,
    /// They do so with the last axis first.
    pub row_contiguous: bool,
    /// They do so with the first axis first.
    pub col_contiguous: bool,
}

impl Array {
    /// How the array lies in memory, which computes it: before, that is not decided.
    ///
    /// ```
    /// let x = mlx_core::Array::from([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.t()?.layout()?.strides, [1, 3]);
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    #[track_caller]
    pub fn layout(&self) -> Result<Layout> {
        data::layout(self)
    }

    /// Whether the values are computed, so that reading them waits for nothing.
    #[track_caller]
    pub fn is_available(&self) -> Result<bool> {
        data::is_available(self)
    }
}
