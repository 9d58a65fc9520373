//! Changing parts: `x.at(index).set(value)`.

use super::plan::Plan;
use super::{Index, IntoIndices};
use crate::ffi::raw;
use crate::ops::Update;
use crate::{Array, Dtype, Error, Kind, Operand, Result};

/// A part of an array, from [`Array::at`]. Each method gives a new array with that part changed.
///
/// The value broadcasts to the part and takes the array's type. Under a mask it may also be the list of new
/// elements, one for each true one in order; the last of them stands in for those that are missing. An array of
/// which no other handle is left is changed in its memory, where the index is of ranges and integers alone or of
/// index arrays alone.
#[derive(Clone, Debug)]
#[must_use = "the array changes nothing by itself: call set, add, ... and use what it returns"]
pub struct At<'a> {
    array: &'a Array,
    index: Vec<Index>,
}

macro_rules! changes {
    ($($(#[$doc:meta])* $name:ident => $update:ident, $op:literal;)*) => {
        impl At<'_> {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// Those of [`Array::index`], or the value does not broadcast to the part.
            #[track_caller]
            pub fn $name<'a>(self, value: impl Operand<'a>) -> Result<Array> {
                let value = value.beside(self.array)?.astype(self.array.dtype())?;
                self.change(&value, Update::$update, $op)
            }
        )*}
    };
}

changes! {
    /// The value in place of the part. Which of two values for one place stays is not defined.
    set => Set, "at.set";
    /// The value added; a place that index arrays name twice gets both.
    #[expect(clippy::should_implement_trait, reason = "the part is not a sum; the word is MLX's")]
    add => Add, "at.add";
    /// The part multiplied by the value, as often as a place is named.
    multiply => Multiply, "at.multiply";
    /// The greater of part and value. Index arrays may lose a NaN.
    maximum => Maximum, "at.maximum";
    /// The smaller of part and value. Index arrays may lose a NaN.
    minimum => Minimum, "at.minimum";
}

impl<'a> At<'a> {
    pub(super) fn new(array: &'a Array, index: impl IntoIndices) -> Self {
        Self { array, index: index.into_indices() }
    }

    /// The value subtracted; a place that index arrays name twice loses both.
    ///
    /// # Errors
    /// Those of [`Array::index`], or the value does not broadcast to the part.
    #[track_caller]
    pub fn subtract<'b>(self, value: impl Operand<'b>) -> Result<Array> {
        let value = value.beside(self.array)?.astype(self.array.dtype())?;
        self.change(&raw::negative(&value)?, Update::Add, "at.subtract")
    }

    /// The part times the reciprocal of the value, as often as a place is named.
    ///
    /// # Errors
    /// Those of [`Array::index`], the value does not broadcast to the part, or the array holds whole numbers,
    /// which have no reciprocal.
    #[track_caller]
    pub fn divide<'b>(self, value: impl Operand<'b>) -> Result<Array> {
        let dtype = self.array.dtype();
        if dtype == Dtype::Bool || dtype.is_integer() {
            let message = format!("{dtype} has no reciprocals: convert the array with astype");
            return Err(Error::new(Kind::Dtype, "at.divide", message));
        }
        let value = value.beside(self.array)?.astype(dtype)?;
        self.change(&raw::reciprocal(&value)?, Update::Multiply, "at.divide")
    }

    #[track_caller]
    fn change(self, value: &Array, update: Update, op: &'static str) -> Result<Array> {
        let Self { array, index } = self;
        if let [Index::Take(mask)] = index.as_slice()
            && mask.dtype() == Dtype::Bool
        {
            return change_masked(array, mask, value, update, op);
        }
        let plan = Plan::new(array.shape(), index, op)?;
        let updates = plan.to_source(&without_leading_ones(value, plan.shape().len())?)?;
        if plan.is_empty() {
            Ok(array.clone())
        } else if plan.places.is_empty() {
            slice_update(array, &updates, &plan, update)
        } else if plan.bounds.is_whole() {
            array.scatter(plan.places(), &updates, update)
        } else {
            let part = plan.bounds.cut(array)?.scatter(plan.places(), &updates, update)?;
            slice_update(array, &part, &plan, Update::Set)
        }
    }
}

/// `array` with `part` at the bounds of `plan`.
#[track_caller]
fn slice_update(array: &Array, part: &Array, plan: &Plan, update: Update) -> Result<Array> {
    let (start, stop, step) = (&plan.bounds.start, &plan.bounds.stop, &plan.bounds.step);
    match update {
        Update::Set => raw::slice_update(array, part, start, stop, step),
        Update::Add => raw::slice_update_add(array, part, start, stop, step),
        Update::Multiply => raw::slice_update_prod(array, part, start, stop, step),
        Update::Maximum => raw::slice_update_max(array, part, start, stop, step),
        Update::Minimum => raw::slice_update_min(array, part, start, stop, step),
    }
}

/// `array` changed where `mask`, which goes over its first axes, is true.
#[track_caller]
fn change_masked(
    array: &Array,
    mask: &Array,
    value: &Array,
    update: Update,
    op: &'static str,
) -> Result<Array> {
    let shape = array.shape();
    let Some(rest) = shape.strip_prefix(mask.shape()) else {
        let message = format!("a mask of shape {:?} does not begin shape {shape:?}", mask.shape());
        return Err(Error::new(Kind::Shape, op, message));
    };
    let value = without_leading_ones(value, rest.len())?;
    let value = if value.ndim() > rest.len() {
        match in_order(array, mask, &value, rest, op)? {
            Some(value) => value,
            None => return Ok(array.clone()),
        }
    } else {
        raw::broadcast_to(&value, rest)?
    };
    let changed = match update {
        Update::Set => value,
        Update::Add => raw::add(array, &value)?,
        Update::Multiply => raw::multiply(array, &value)?,
        Update::Maximum => raw::maximum(array, &value)?,
        Update::Minimum => raw::minimum(array, &value)?,
    };
    let mask_shape: Vec<i32> = mask.shape().iter().copied().chain(rest.iter().map(|_| 1)).collect();
    raw::r#where(&raw::reshape(mask, &mask_shape)?, &changed, array)
}

/// `array` with the elements of `values`, each of shape `rest`, where `mask` is true; nothing if there is no place.
///
/// MLX reads as many elements as are true, so there is one for each place of the mask before it sees them.
#[track_caller]
fn in_order(
    array: &Array,
    mask: &Array,
    values: &Array,
    rest: &[i32],
    op: &'static str,
) -> Result<Option<Array>> {
    if array.size() == 0 {
        return Ok(None);
    }
    let count = values.shape().first().copied().unwrap_or_default();
    let places = i32::try_from(mask.size()).unwrap_or_default();
    if values.ndim() != rest.len() + 1 || count == 0 || count > places {
        let message = format!("values of shape {:?} for a mask of {places} places", values.shape());
        return Err(Error::new(Kind::Shape, op, message));
    }
    let shape: Vec<i32> = std::iter::once(count).chain(rest.iter().copied()).collect();
    let values = raw::broadcast_to(values, &shape)?;
    let values = if count < places { values.take(&Array::arange(0..places)?, 0)? } else { values };
    raw::masked_scatter(array, mask, &values).map(Some)
}

/// `value` without leading axes of length 1 that are more than `rank`.
#[track_caller]
fn without_leading_ones(value: &Array, rank: usize) -> Result<Array> {
    let ones = value.shape().iter().take_while(|&&length| length == 1).count();
    let extra = value.ndim().saturating_sub(rank).min(ones) as i32;
    if extra == 0 { Ok(value.clone()) } else { raw::squeeze_axes(value, &(0..extra).collect::<Vec<_>>()) }
}
