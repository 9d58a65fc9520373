//! Ordering along an axis, or of all elements in a line by `..`.
//!
//! NaN counts as greater than any number. MLX divides by the length of the axis.

use crate::ffi::raw;
use crate::{Array, Axes, Dtype, Error, Kind, Operand, Result};

/// Which place a value gets among equals: the first that keeps the order, or the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// Before equals.
    #[default]
    Left,
    /// Behind equals.
    Right,
}

impl Array {
    /// Elements in ascending order.
    #[track_caller]
    pub fn sort(&self, axes: impl Into<Axes>) -> Result<Self> {
        let (source, axis) = self.sortable(axes.into(), "sort")?;
        if source.size() == 0 { Ok(source) } else { raw::sort_axis(&source, axis) }
    }

    /// Where the elements in ascending order come from, as `uint32`.
    #[track_caller]
    pub fn argsort(&self, axes: impl Into<Axes>) -> Result<Self> {
        let (source, axis) = self.sortable(axes.into(), "argsort")?;
        if source.size() == 0 {
            Self::zeros(source.shape(), Dtype::Uint32)
        } else {
            raw::argsort_axis(&source, axis)
        }
    }

    /// Elements with the `kth` smallest in its place, no greater one before it, no smaller one after. A negative
    /// `kth` counts from the greatest.
    #[track_caller]
    pub fn partition(&self, kth: i32, axes: impl Into<Axes>) -> Result<Self> {
        let (source, axis) = self.sortable(axes.into(), "partition")?;
        raw::partition_axis(&source, kth, axis)
    }

    /// Where the elements of [`Array::partition`] come from, as `uint32`.
    #[track_caller]
    pub fn argpartition(&self, kth: i32, axes: impl Into<Axes>) -> Result<Self> {
        let (source, axis) = self.sortable(axes.into(), "argpartition")?;
        raw::argpartition_axis(&source, kth, axis)
    }

    /// The `k` greatest elements, in no certain order.
    #[track_caller]
    pub fn topk(&self, k: i32, axes: impl Into<Axes>) -> Result<Self> {
        let (source, axis) = self.sortable(axes.into(), "topk")?;
        raw::topk_axis(&source, k, axis)
    }

    /// The place of each of `values` in this array, which has one axis in ascending order, as `uint32`: where it
    /// would go so that the order stays.
    ///
    /// ```
    /// use mlx_core::{Array, Side};
    ///
    /// let bounds = Array::from([1, 3, 3, 5]);
    /// assert_eq!(bounds.searchsorted(&Array::from([0, 3, 9]), Side::Left)?.to_vec::<u32>()?, [0, 1, 4]);
    /// assert_eq!(bounds.searchsorted(3, Side::Right)?.item::<u32>()?, 3);
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The array has not one axis.
    #[track_caller]
    pub fn searchsorted<'a>(&self, values: impl Operand<'a>, side: Side) -> Result<Self> {
        let side = match side {
            Side::Left => c"left",
            Side::Right => c"right",
        };
        raw::searchsorted(self, &*values.beside(self)?, side)
    }

    /// What to sort along which axis.
    #[track_caller]
    fn sortable(&self, axes: Axes, op: &'static str) -> Result<(Self, i32)> {
        let (source, axis) = self.one_line(axes, op)?;
        let rows = source.size() / source.dim(axis)?.max(1) as usize;
        if i32::try_from(rows).is_ok() {
            return Ok((source.for_gpu()?.into_owned(), axis));
        }
        let message = format!("shape {:?} has more than 2147483647 rows to sort", source.shape());
        Err(Error::new(Kind::Shape, op, message))
    }
}
