//! Ops that pick elements by index.
//!
//! MLX does not check indices, so they are brought into range on the device before it sees them.

use crate::ffi::raw;
use crate::{Array, Result};

impl Array {
    /// The slices of `axis` that `indices` name; the axis becomes the shape of `indices`.
    ///
    /// Negative indices count from the end; those out of range are clamped.
    #[track_caller]
    pub fn take(&self, indices: &Self, axis: i32) -> Result<Self> {
        raw::take_axis(self, &indices.clamped(self.dim(axis)?)?, axis)
    }

    /// For each place of `indices`, the element that it names along `axis`; other axes broadcast.
    ///
    /// Negative indices count from the end; those out of range are clamped.
    #[track_caller]
    pub fn take_along_axis(&self, indices: &Self, axis: i32) -> Result<Self> {
        raw::take_along_axis(self, &indices.clamped(self.dim(axis)?)?, axis)
    }

    /// Indices within an axis of `length`.
    #[track_caller]
    fn clamped(&self, length: i32) -> Result<Self> {
        let below = self.minimum(length - 1)?;
        if self.dtype().is_signed() { below.maximum(-length) } else { Ok(below) }
    }
}
