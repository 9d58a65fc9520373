//! Ops that pick elements by index.
//!
//! MLX does not check indices, so they are brought into range on the device before it sees them.

use crate::ffi::raw;
use crate::{Array, Dtype, Error, Kind, Result};

impl Array {
    /// The slices of `axis` that `indices` name; the axis becomes the shape of `indices`.
    ///
    /// Negative indices count from the end; those out of range are clamped.
    ///
    /// # Errors
    /// `indices` are not whole numbers, or the axis has no element to pick.
    #[track_caller]
    pub fn take(&self, indices: &Self, axis: i32) -> Result<Self> {
        let indices = indices.clamped(self.dim(axis)?, "take")?;
        raw::take_axis(self, &indices, axis)
    }

    /// For each place of `indices`, the element that it names along `axis`; other axes broadcast.
    ///
    /// Negative indices count from the end; those out of range are clamped.
    ///
    /// # Errors
    /// `indices` are not whole numbers, have another rank, or the axis has no element to pick.
    #[track_caller]
    pub fn take_along_axis(&self, indices: &Self, axis: i32) -> Result<Self> {
        let indices = indices.clamped(self.dim(axis)?, "take_along_axis")?;
        raw::take_along_axis(self, &indices, axis)
    }

    /// These indices within an axis of `length`.
    #[track_caller]
    fn clamped(&self, length: i32, op: &'static str) -> Result<Self> {
        let dtype = self.dtype();
        let Some((least, greatest)) = integer_range(dtype) else {
            return Err(Error::new(Kind::Dtype, op, format!("indices are whole numbers, not {dtype}")));
        };
        if length == 0 && self.size() > 0 {
            return Err(Error::new(Kind::Index, op, "there is no element to pick on an axis of length 0"));
        }
        let last = i64::from(length) - 1;
        let below = if last < greatest { self.minimum(last)? } else { self.clone() };
        if least < -i64::from(length) { below.maximum(-i64::from(length)) } else { Ok(below) }
    }
}

/// The least and the greatest number of a type of whole numbers, as far as indices reach.
fn integer_range(dtype: Dtype) -> Option<(i64, i64)> {
    let bits = 8 * dtype.size() as u32;
    match (dtype.is_integer(), dtype.is_signed()) {
        (false, _) => None,
        (true, true) => Some((i64::MIN >> (64 - bits), i64::MAX >> (64 - bits))),
        (true, false) => Some((0, i64::try_from(u64::MAX >> (64 - bits)).unwrap_or(i64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_rust_types() {
        assert_eq!(integer_range(Dtype::Int8), Some((i8::MIN.into(), i8::MAX.into())));
        assert_eq!(integer_range(Dtype::Int64), Some((i64::MIN, i64::MAX)));
        assert_eq!(integer_range(Dtype::Uint8), Some((0, 255)));
        assert_eq!(integer_range(Dtype::Uint32), Some((0, u32::MAX.into())));
        assert_eq!(integer_range(Dtype::Uint64), Some((0, i64::MAX)));
        assert_eq!([Dtype::Bool, Dtype::Float32, Dtype::Complex64].map(integer_range), [None; 3]);
    }
}
