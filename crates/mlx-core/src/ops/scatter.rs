//! Ops that write elements by index. Indices are clamped first, as those of `gather` are.

use super::places::Places;
use crate::ffi::{Vector, raw};
use crate::{Array, Axes, Error, Kind, Operand, Result};

/// What a new element does to the one that it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// Takes its place. Which of two for one place stays is not defined.
    Set,
    /// Is added.
    Add,
    /// Multiplies it.
    Multiply,
    /// Takes its place if it is greater.
    Maximum,
    /// Takes its place if it is smaller.
    Minimum,
}

impl Array {
    /// This array with blocks of `updates` written where the index arrays of `places` say, each for one axis;
    /// other axes begin at 0. `updates` has the shape that the index arrays broadcast to and then that of a
    /// block, and takes this array's type. [`Array::at`] is the easier form.
    ///
    /// Negative indices count from the end; a block that does not fit is moved until it does.
    ///
    /// ```
    /// use mlx_core::{Array, Update};
    ///
    /// let counts = Array::from([0, 0, 0]);
    /// let (places, ones) = (Array::from([2, 0, 2]), Array::from([[1], [1], [1]]));
    /// assert_eq!(counts.scatter([(0, &places)], &ones, Update::Add)?.to_vec::<i32>()?, [1, 0, 2]);
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `updates` has another shape or a block larger than this array, or index arrays are not whole numbers, do
    /// not broadcast together or come twice for an axis.
    #[track_caller]
    pub fn scatter<'a>(
        &self,
        places: impl IntoIterator<Item = (i32, &'a Self)>,
        updates: &Self,
        update: Update,
    ) -> Result<Self> {
        let places = Places::new(self, places, "scatter")?;
        let Some(sizes) = updates.shape().strip_prefix(places.shape.as_slice()) else {
            let message =
                format!("updates of shape {:?} for places of shape {:?}", updates.shape(), places.shape);
            return Err(Error::new(Kind::Shape, "scatter", message));
        };
        let (places, updates) = places.fit(sizes)?.one_by_one(updates)?;
        if updates.size() == 0 {
            return Ok(self.clone());
        }
        match (places.arrays.as_slice(), places.axes.as_slice()) {
            ([indices], &[axis]) => scatter_one(self, indices, &updates, axis, update),
            (_, axes) => scatter_many(self, &places.vector()?, &updates, axes, update),
        }
    }

    /// This array with the element that each place of `indices` names along an axis replaced by the one of
    /// `values`, which broadcasts to `indices` and takes this array's type; other axes of all three broadcast.
    /// With `..` in place of an axis, they are places of all elements in row-major order.
    ///
    /// Negative indices count from the end; those out of range are clamped.
    ///
    /// # Errors
    /// `indices` are not whole numbers, have another rank, or the axis has no element.
    #[track_caller]
    pub fn put_along_axis<'a>(
        &self,
        indices: &Self,
        values: impl Operand<'a>,
        axes: impl Into<Axes>,
    ) -> Result<Self> {
        let values = values.beside(self)?;
        let (source, axis) = self.one_line(axes.into(), "put_along_axis")?;
        let indices = indices.clamped(source.dim(axis)?, "put_along_axis")?;
        let out = raw::put_along_axis(&source, &indices, &values, axis)?;
        if source.ndim() == self.ndim() { Ok(out) } else { raw::reshape(&out, self.shape()) }
    }

    /// This array with the elements of `values` added where `indices` names places along an axis, as
    /// [`Array::put_along_axis`] replaces them; a place named twice gets both.
    ///
    /// # Errors
    /// Those of [`Array::put_along_axis`].
    #[track_caller]
    pub fn scatter_add_axis<'a>(
        &self,
        indices: &Self,
        values: impl Operand<'a>,
        axes: impl Into<Axes>,
    ) -> Result<Self> {
        let values = values.beside(self)?;
        let (source, axis) = self.one_line(axes.into(), "scatter_add_axis")?;
        let indices = indices.clamped(source.dim(axis)?, "scatter_add_axis")?;
        let out = raw::scatter_add_axis(&source, &indices, &values, axis)?;
        if source.ndim() == self.ndim() { Ok(out) } else { raw::reshape(&out, self.shape()) }
    }
}

#[track_caller]
fn scatter_one(x: &Array, indices: &Array, updates: &Array, axis: i32, update: Update) -> Result<Array> {
    match update {
        Update::Set => raw::scatter_single(x, indices, updates, axis),
        Update::Add => raw::scatter_add_single(x, indices, updates, axis),
        Update::Multiply => raw::scatter_prod_single(x, indices, updates, axis),
        Update::Maximum => raw::scatter_max_single(x, indices, updates, axis),
        Update::Minimum => raw::scatter_min_single(x, indices, updates, axis),
    }
}

#[track_caller]
fn scatter_many(x: &Array, indices: &Vector, updates: &Array, axes: &[i32], update: Update) -> Result<Array> {
    match update {
        Update::Set => raw::scatter(x, indices, updates, axes),
        Update::Add => raw::scatter_add(x, indices, updates, axes),
        Update::Multiply => raw::scatter_prod(x, indices, updates, axes),
        Update::Maximum => raw::scatter_max(x, indices, updates, axes),
        Update::Minimum => raw::scatter_min(x, indices, updates, axes),
    }
}
