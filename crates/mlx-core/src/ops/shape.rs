//! Ops that arrange elements anew.

use crate::ffi::raw;
use crate::{Array, Axes, Error, Kind, Result, Scalar};

/// A diagonal farther out than this, MLX would count past the end of its integers.
const FARTHEST: i32 = i32::MAX / 2;

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

    /// New axes of length 1 at these places of the result.
    #[track_caller]
    pub fn expand_dims(&self, axes: impl Into<Axes>) -> Result<Self> {
        raw::expand_dims_axes(self, &axes.into().list.unwrap_or_default())
    }

    /// Without these axes, which must have length 1; `..` removes all such axes.
    #[track_caller]
    pub fn squeeze(&self, axes: impl Into<Axes>) -> Result<Self> {
        match axes.into().list {
            Some(list) => raw::squeeze_axes(self, &list),
            None => raw::squeeze(self),
        }
    }

    /// Axes `start` to `end`, both included, as one.
    #[track_caller]
    pub fn flatten(&self, start: i32, end: i32) -> Result<Self> {
        raw::flatten(self, start, end)
    }

    /// Repeated along axes of length 1 and new leading axes, without a copy.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl AsRef<[i32]>) -> Result<Self> {
        raw::broadcast_to(self, shape.as_ref())
    }

    /// Each element `count` times in a row along an axis.
    #[track_caller]
    pub fn repeat(&self, count: i32, axis: i32) -> Result<Self> {
        raw::repeat_axis(self, count, axis)
    }

    /// `parts` arrays of equal length along an axis.
    #[track_caller]
    pub fn split(&self, parts: i32, axis: i32) -> Result<Vec<Self>> {
        raw::split(self, parts, axis)
    }

    /// The pieces between these places of an axis.
    #[track_caller]
    pub fn split_at(&self, places: impl AsRef<[i32]>, axis: i32) -> Result<Vec<Self>> {
        raw::split_sections(self, places.as_ref(), axis)
    }

    /// `value` added `before` and `after` along one axis.
    #[track_caller]
    pub fn pad(&self, axis: i32, before: i32, after: i32, value: impl Into<Scalar>) -> Result<Self> {
        if before < 0 || after < 0 {
            let message = format!("cannot add {before} before and {after} after");
            return Err(Error::new(Kind::Shape, "pad", message));
        }
        let axis = self.axis(axis, "pad")?;
        let value = value.into().array(self.dtype())?;
        // MLX's gradient takes the widths by axis, so it needs those of all axes.
        let axes: Vec<i32> = (0..self.ndim() as i32).collect();
        let only =
            |width| axes.iter().map(|&at| if at == axis as i32 { width } else { 0 }).collect::<Vec<_>>();
        raw::pad(self, &axes, &only(before), &only(after), &value, c"constant")
    }

    /// Elements below the given diagonal and on it; the others are zero.
    #[track_caller]
    pub fn tril(&self, diagonal: i32) -> Result<Self> {
        raw::tril(self, diagonal.clamp(-FARTHEST, FARTHEST))
    }

    /// Elements above the given diagonal and on it; the others are zero.
    #[track_caller]
    pub fn triu(&self, diagonal: i32) -> Result<Self> {
        raw::triu(self, diagonal.clamp(-FARTHEST, FARTHEST))
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
