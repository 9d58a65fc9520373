//! Slices that begin where an array on the device says.
//!
//! MLX adds the beginning to its pointers unchecked, and reads it as if it lay in one piece.

use super::places::from_front;
use crate::ffi::raw;
use crate::{Array, Dtype, Error, Kind, Result};

impl Array {
    /// The part of `sizes` that begins at `start`, one number for each axis of `axes`; other axes begin at 0.
    /// Python calls it `mx.slice`. Where the beginning is known, use [`Array::index`].
    ///
    /// A negative beginning counts from the end; a part that does not fit is moved until it does.
    ///
    /// ```
    /// let x = mlx_core::Array::from([10, 11, 12, 13]);
    /// let start = mlx_core::Array::from(2);
    /// assert_eq!(x.slice_dynamic(&start, [0], [2])?.to_vec::<i32>()?, [12, 13]);
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `sizes` is not one length for each axis within it, or `start` is not one whole number for each of `axes`.
    #[track_caller]
    pub fn slice_dynamic(
        &self,
        start: &Self,
        axes: impl AsRef<[i32]>,
        sizes: impl AsRef<[i32]>,
    ) -> Result<Self> {
        let (axes, sizes) = (axes.as_ref(), sizes.as_ref());
        let start = self.fitting(start, axes, sizes, "slice_dynamic")?;
        raw::slice_dynamic(self, &start, axes, sizes)
    }

    /// This array with `update` written over the part that begins at `start`, one number for each axis of `axes`;
    /// other axes begin at 0. Python calls it `mx.slice_update`. Where the beginning is known, use
    /// [`Array::at`].
    ///
    /// `update` takes this array's type. Leading axes that it lacks are repeated: once along an axis of `axes`,
    /// over the whole of another. A negative beginning counts from the end; a part that does not fit is moved
    /// until it does.
    ///
    /// # Errors
    /// `update` is larger than this array, or `start` is not one whole number for each of `axes`.
    #[track_caller]
    pub fn slice_update_dynamic(&self, update: &Self, start: &Self, axes: impl AsRef<[i32]>) -> Result<Self> {
        let (op, axes, shape) = ("slice_update_dynamic", axes.as_ref(), self.shape());
        let Some(missing) = shape.len().checked_sub(update.ndim()) else {
            let message =
                format!("an update of shape {:?} has more axes than shape {shape:?}", update.shape());
            return Err(Error::new(Kind::Shape, op, message));
        };
        let mut sizes = shape.to_vec();
        sizes.splice(missing.., update.shape().iter().copied());
        for &axis in axes {
            let at = self.axis(axis, op)?;
            sizes.iter_mut().take(missing).skip(at).take(1).for_each(|size| *size = 1);
        }
        let start = self.fitting(start, axes, &sizes, op)?;
        if sizes.contains(&0) {
            Ok(self.clone())
        } else {
            raw::slice_update_dynamic(self, update, &start, axes)
        }
    }

    /// `start` where a part of `sizes` fits, in one piece.
    #[track_caller]
    fn fitting(&self, start: &Self, axes: &[i32], sizes: &[i32], op: &'static str) -> Result<Self> {
        let shape = self.shape();
        let fits = sizes.len() == shape.len()
            && sizes.iter().zip(shape).all(|(size, length)| (0..=*length).contains(size));
        if !fits {
            let message = format!("a part of shape {sizes:?} does not fit into shape {shape:?}");
            return Err(Error::new(Kind::Shape, op, message));
        }
        let dtype = start.dtype();
        if !dtype.is_integer() || start.ndim() > 1 || start.size() != axes.len() {
            let message =
                format!("{dtype} of shape {:?} is not a whole number for each of {axes:?}", start.shape());
            return Err(Error::new(Kind::Shape, op, message));
        }
        let (mut lengths, mut room) = (Vec::new(), Vec::new());
        for &axis in axes {
            let at = self.axis(axis, op)?;
            let (length, size) = shape.iter().zip(sizes).nth(at).unwrap_or((&0, &0));
            lengths.push(*length);
            room.push(length - size);
        }
        let lengths = Self::from_slice(&lengths, start.shape())?;
        let room = Self::from_slice(&room, start.shape())?;
        // The greatest of these numbers would be negative as an `int64`.
        let near = if dtype == Dtype::Uint64 { start.minimum(i32::MAX)? } else { start.clone() };
        let inside = from_front(&near.astype(Dtype::Int64)?, &lengths)?.maximum(0)?.minimum(&room)?;
        inside.astype(Dtype::Int32)?.contiguous(false)
    }
}
