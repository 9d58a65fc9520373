//! Ops that take an array apart along an axis.

use crate::ffi::raw;
use crate::{Array, Error, Kind, Result};

impl Array {
    /// `parts` arrays of equal length along an axis.
    ///
    /// # Errors
    /// `parts` does not divide the length of the axis, or there are more than it has elements.
    #[track_caller]
    pub fn split(&self, parts: i32, axis: i32) -> Result<Vec<Self>> {
        let length = self.dim(axis)?;
        if parts > length.max(1) {
            // Any number divides 0, and MLX would make all those parts.
            let message = format!("cannot split an axis of length {length} into {parts} parts");
            return Err(Error::new(Kind::Shape, "split", message));
        }
        raw::split(self, parts, axis)
    }

    /// The pieces between these places of an axis.
    #[track_caller]
    pub fn split_at(&self, places: impl AsRef<[i32]>, axis: i32) -> Result<Vec<Self>> {
        raw::split_sections(self, places.as_ref(), axis)
    }

    /// The slices of an axis, each without it: `for row in x.unstack(0)?` goes over the rows.
    #[track_caller]
    pub fn unstack(&self, axis: i32) -> Result<Vec<Self>> {
        raw::unstack_axis(self, axis)
    }
}
