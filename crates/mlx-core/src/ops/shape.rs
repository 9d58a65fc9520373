//! Ops that arrange elements anew.

use crate::ffi::raw;
use crate::{Array, Axes, Error, Kind, Result};

impl Array {
    /// The same elements in another shape; one length may be -1, which is what is left.
    #[track_caller]
    pub fn reshape(&self, shape: impl AsRef<[i32]>) -> Result<Self> {
        raw::reshape(self, shape.as_ref())
    }

    /// The axes in another order.
    #[track_caller]
    pub fn transpose(&self, axes: impl AsRef<[i32]>) -> Result<Self> {
        raw::transpose_axes(self, axes.as_ref())
    }

    /// All axes reversed: the transpose of a matrix.
    #[track_caller]
    pub fn t(&self) -> Result<Self> {
        raw::transpose(self)
    }

    /// Two axes exchanged.
    #[track_caller]
    pub fn swapaxes(&self, a: i32, b: i32) -> Result<Self> {
        raw::swapaxes(self, a, b)
    }

    /// An axis moved to another place; the others keep their order.
    #[track_caller]
    pub fn moveaxis(&self, from: i32, to: i32) -> Result<Self> {
        raw::moveaxis(self, from, to)
    }

    /// New axes of length 1 at these places of the result.
    ///
    /// # Errors
    /// An axis is outside the result or comes twice, or `..` names no places.
    #[track_caller]
    pub fn expand_dims(&self, axes: impl Into<Axes>) -> Result<Self> {
        match axes.into().list {
            Some(list) => raw::expand_dims_axes(self, &list),
            None => Err(Error::new(Kind::Shape, "expand_dims", "`..` does not say where the new axes go")),
        }
    }

    /// Without these axes, which must have length 1; `..` removes all such axes.
    #[track_caller]
    pub fn squeeze(&self, axes: impl Into<Axes>) -> Result<Self> {
        match axes.into().list {
            Some(list) => raw::squeeze_axes(self, &list),
            None => raw::squeeze(self),
        }
    }

    /// Axes `start` to `end`, both included, as one. One number, whose only axes are 0 and -1 here, gets an axis.
    #[track_caller]
    pub fn flatten(&self, start: i32, end: i32) -> Result<Self> {
        if self.ndim() > 0 || !(-1..=0).contains(&start) || !(-1..=0).contains(&end) {
            // MLX takes axes that are not there for the first or the last one.
            self.axis(start, "flatten")?;
            self.axis(end, "flatten")?;
        }
        raw::flatten(self, start, end)
    }

    /// One axis as several; one of their lengths may be -1, which is what is left.
    #[track_caller]
    pub fn unflatten(&self, axis: i32, shape: impl AsRef<[i32]>) -> Result<Self> {
        let (shape, length) = (shape.as_ref(), self.dim(axis)?);
        let known = || shape.iter().filter(|&&n| n != -1);
        let product = known().try_fold(1_i32, |product, &n| product.checked_mul(n));
        let divides = known().count() == shape.len() || product != Some(0);
        if known().any(|&n| n < 0) || product.is_none() || !divides {
            // MLX divides by this product, and lets it wrap around.
            let message = format!("an axis of length {length} has no parts of {shape:?}");
            return Err(Error::new(Kind::Shape, "unflatten", message));
        }
        raw::unflatten(self, axis, shape)
    }

    /// At least one axis: one number gets one.
    #[track_caller]
    pub fn atleast_1d(&self) -> Result<Self> {
        raw::atleast_1d(self)
    }

    /// At least two axes: a vector becomes a row.
    #[track_caller]
    pub fn atleast_2d(&self) -> Result<Self> {
        raw::atleast_2d(self)
    }

    /// At least three axes: a matrix gets one at the end, a vector one at each end.
    #[track_caller]
    pub fn atleast_3d(&self) -> Result<Self> {
        raw::atleast_3d(self)
    }

    /// Each element `count` times in a row along an axis.
    #[track_caller]
    pub fn repeat(&self, count: i32, axis: i32) -> Result<Self> {
        raw::repeat_axis(self, count, axis)
    }

    /// The whole array `repetitions` times along its last axes; more of them make new leading axes.
    #[track_caller]
    pub fn tile(&self, repetitions: impl AsRef<[i32]>) -> Result<Self> {
        raw::tile(self, repetitions.as_ref())
    }

    /// Backwards along these axes.
    #[track_caller]
    pub fn flip(&self, axes: impl Into<Axes>) -> Result<Self> {
        let list = axes.into().list;
        if !self.shape().contains(&1) {
            return match list {
                Some(list) => raw::flip_axes(self, &list),
                None => raw::flip(self),
            };
        }
        // MLX's gradient of an axis of one place would be 0.
        let mut list: Vec<i32> = list.map_or_else(|| (0..).take(self.ndim()).collect(), |list| list.to_vec());
        list.retain(|&axis| self.dim(axis).map_or(true, |length| length != 1));
        if list.is_empty() { Ok(self.clone()) } else { raw::flip_axes(self, &list) }
    }

    /// Each element moved up by `shift` along each of these axes, from the end to the front; `..` counts
    /// through all elements.
    #[track_caller]
    pub fn roll(&self, shift: i32, axes: impl Into<Axes>) -> Result<Self> {
        match axes.into().list {
            Some(list) => raw::roll_axes(self, &vec![shift; list.len()], &list),
            None => raw::roll(self, &[shift]),
        }
    }

    /// The elements of the row-major order as another shape and other steps read them, from `offset` on.
    ///
    /// # Errors
    /// A place lies outside the elements, which MLX does not check.
    #[track_caller]
    pub fn as_strided(&self, shape: impl AsRef<[i32]>, strides: &[i64], offset: usize) -> Result<Self> {
        let shape = shape.as_ref();
        if shape.len() != strides.len() || !reaches_within(shape, strides, offset, self.size()) {
            let message = format!(
                "shape {shape:?} with strides {strides:?} from {offset} reaches outside {} elements",
                self.size()
            );
            return Err(Error::new(Kind::Shape, "as_strided", message));
        }
        raw::as_strided(&self.contiguous(false)?, shape, strides, offset)
    }

    /// This array with `update` written over the part that begins at `start`, one place for each axis.
    ///
    /// # Errors
    /// `update` has another rank or does not fit there.
    #[track_caller]
    pub fn slice_update(&self, update: &Self, start: impl AsRef<[i32]>) -> Result<Self> {
        let start = start.as_ref();
        let (shape, lengths) = (self.shape(), update.shape());
        let stop: Option<Vec<_>> = start.iter().zip(lengths).map(|(&s, &n)| s.checked_add(n)).collect();
        let same_rank = start.len() == shape.len() && lengths.len() == shape.len();
        let inside = |stop: &Vec<i32>| {
            start.iter().zip(stop).zip(shape).all(|((&from, &to), &length)| from >= 0 && to <= length)
        };
        let Some(stop) = stop.filter(|stop| same_rank && inside(stop)) else {
            let message = format!("shape {lengths:?} at {start:?} does not fit into shape {shape:?}");
            return Err(Error::new(Kind::Shape, "slice_update", message));
        };
        raw::slice_update(self, update, start, &stop, &vec![1; start.len()])
    }
}

/// Whether every place of a strided array is one of `size` elements.
fn reaches_within(shape: &[i32], strides: &[i64], offset: usize, size: usize) -> bool {
    if shape.iter().any(|&length| length < 1) {
        return shape.iter().all(|&length| length >= 0) && offset <= size;
    }
    let (mut first, mut last) = (offset as i128, offset as i128);
    for (&length, &stride) in shape.iter().zip(strides) {
        let reach = i128::from(stride) * i128::from(length - 1);
        first += reach.min(0);
        last += reach.max(0);
    }
    first >= 0 && last < size as i128
}
