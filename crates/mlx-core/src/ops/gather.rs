//! Ops that pick elements by index.
//!
//! MLX does not check indices, so they are brought into range on the device before it sees them.

use super::places::Places;
use crate::ffi::raw;
use crate::{Array, Axes, Dtype, Error, Kind, Result};

impl Array {
    /// The slices of an axis that `indices` name; the axis becomes the shape of `indices`. With `..` in place of
    /// an axis, they are places of all elements in row-major order.
    ///
    /// Negative indices count from the end; those out of range are clamped.
    ///
    /// # Errors
    /// `indices` are not whole numbers, or the axis has no element to pick.
    #[track_caller]
    pub fn take(&self, indices: &Self, axes: impl Into<Axes>) -> Result<Self> {
        let (source, axis) = self.one_line(axes.into(), "take")?;
        let length = source.dim(axis)?;
        let indices = indices.clamped(length, "take")?;
        let block = source.size() / length.max(1) as usize;
        if i32::try_from(block).is_err() {
            let message =
                format!("one place of shape {:?} has more than 2147483647 elements", source.shape());
            return Err(Error::new(Kind::Shape, "take", message));
        }
        raw::take_axis(&source, &indices, axis)
    }

    /// For each place of `indices`, the element that it names along an axis; other axes broadcast. With `..` in
    /// place of an axis, they are places of all elements in row-major order.
    ///
    /// Negative indices count from the end; those out of range are clamped.
    ///
    /// # Errors
    /// `indices` are not whole numbers, have another rank, or the axis has no element to pick.
    #[track_caller]
    pub fn take_along_axis(&self, indices: &Self, axes: impl Into<Axes>) -> Result<Self> {
        let (source, axis) = self.one_line(axes.into(), "take_along_axis")?;
        let indices = indices.clamped(source.dim(axis)?, "take_along_axis")?;
        raw::take_along_axis(&source, &indices, axis)
    }

    /// The blocks of `sizes` that begin where the index arrays of `places` say, each for one axis; other axes
    /// begin at 0. Index arrays broadcast to one shape, and the result is of that shape and then `sizes`.
    ///
    /// Negative indices count from the end; a block that does not fit is moved until it does.
    ///
    /// ```
    /// let x = mlx_core::Array::from([[1, 2, 3], [4, 5, 6]]);
    /// let rows = mlx_core::Array::from([1, 0, 1]);
    /// let pairs = x.gather([(0, &rows)], [1, 2])?;
    /// assert_eq!(pairs.shape(), [3, 1, 2]);
    /// assert_eq!(pairs.to_vec::<i32>()?, [4, 5, 1, 2, 4, 5]);
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `sizes` is not one length for each axis within it, or index arrays are not whole numbers, do not broadcast
    /// together or come twice for an axis.
    #[track_caller]
    pub fn gather<'a>(
        &self,
        places: impl IntoIterator<Item = (i32, &'a Self)>,
        sizes: impl AsRef<[i32]>,
    ) -> Result<Self> {
        let sizes = sizes.as_ref();
        let places = Places::new(self, places, "gather")?.fit(sizes)?;
        match (places.arrays.as_slice(), places.axes.as_slice()) {
            ([indices], &[axis]) => raw::gather_single(self, indices, axis, sizes),
            (_, axes) => raw::gather(self, &places.vector()?, axes, sizes),
        }
    }

    /// The places of the elements that are not zero, in row-major order: one index array for each axis, as
    /// `int32`. It computes the array, since its result has as many elements as there are.
    ///
    /// ```
    /// let x = mlx_core::Array::from([[1, 0], [2, 3]]);
    /// assert_eq!(x.index(x.greater(1)?.nonzero()?)?.to_vec::<i32>()?, [2, 3]);
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The array has no axis, or cannot be computed.
    #[track_caller]
    pub fn nonzero(&self) -> Result<Vec<Self>> {
        if self.ndim() == 0 {
            return Err(Error::new(Kind::Shape, "nonzero", "an array without axes has no places"));
        }
        let mut places = vec![Vec::new(); self.ndim()];
        for (at, is_true) in self.astype(Dtype::Bool)?.to_vec::<bool>()?.into_iter().enumerate() {
            let mut left = if is_true { at } else { continue };
            for (list, &length) in places.iter_mut().zip(self.shape()).rev() {
                list.push((left % length as usize) as i32);
                left /= length as usize;
            }
        }
        let mut arrays = Vec::with_capacity(places.len());
        for list in places {
            arrays.push(Self::from_slice(&list, [i32::try_from(list.len()).unwrap_or(-1)])?);
        }
        Ok(arrays)
    }
}
