//! What an index means for an array of one shape.
//!
//! Reading is: cut the ranges, gather the places, bring the axes in order. Changing is the same the other way.

use super::{Index, Slice};
use crate::ffi::raw;
use crate::{Array, Error, Kind, Result};

/// An index resolved against a shape.
pub(super) struct Plan {
    /// The ranges of all axes; that of an integer has length 1, that of an index array is whole.
    pub(super) bounds: Bounds,
    /// Index arrays with their axes.
    pub(super) places: Vec<(i32, Array)>,
    /// The shape that the index arrays broadcast to.
    block: Vec<i32>,
    /// How many ranges come before the axes of the index arrays.
    front: usize,
    /// Axes of the source that the result has not: those of integers and index arrays.
    gone: Vec<i32>,
    /// Axes of the result that the source has not.
    new: Vec<i32>,
    shape: Vec<i32>,
}

impl Plan {
    #[track_caller]
    pub(super) fn new(shape: &[i32], entries: Vec<Index>, op: &'static str) -> Result<Self> {
        let mut plan = Self {
            bounds: Bounds { op, ..Bounds::default() },
            places: Vec::new(),
            block: Vec::new(),
            front: 0,
            gone: Vec::new(),
            new: Vec::new(),
            shape: Vec::new(),
        };
        let apart = are_apart(&entries);
        let entries = expand(entries, shape, op)?;
        plan.resolve(&entries, shape)?;
        plan.arrange(&entries, apart);
        Ok(plan)
    }

    /// The shape of the part.
    pub(super) fn shape(&self) -> &[i32] {
        &self.shape
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// The index arrays as [`Array::gather`] takes them.
    pub(super) fn places(&self) -> impl Iterator<Item = (i32, &Array)> {
        self.places.iter().map(|(axis, indices)| (*axis, indices))
    }

    /// The part, from what was cut and gathered: the axes of the index arrays, then all axes of the source.
    #[track_caller]
    pub(super) fn to_result(&self, picked: &Array) -> Result<Array> {
        let kept = squeeze(picked, &self.gone_after_block())?;
        let placed = roll(&kept, self.block.len(), self.front)?;
        if self.new.is_empty() { Ok(placed) } else { raw::expand_dims_axes(&placed, &self.new) }
    }

    /// The way back: `value`, which broadcasts to the part, as the axes of the index arrays and then all axes of
    /// the source.
    #[track_caller]
    pub(super) fn to_source(&self, value: &Array) -> Result<Array> {
        let whole = raw::broadcast_to(value, &self.shape)?;
        let kept = squeeze(&whole, &self.new)?;
        let block_first = roll(&kept, self.front, self.block.len())?;
        let gone = self.gone_after_block();
        if gone.is_empty() { Ok(block_first) } else { raw::expand_dims_axes(&block_first, &gone) }
    }

    fn gone_after_block(&self) -> Vec<i32> {
        self.gone.iter().map(|axis| axis + self.block.len() as i32).collect()
    }

    /// Resolves the entry of each axis.
    #[track_caller]
    fn resolve(&mut self, entries: &[Index], shape: &[i32]) -> Result<()> {
        let entries = entries.iter().filter(|entry| !matches!(entry, Index::NewAxis));
        for ((axis, entry), &length) in (0..).zip(entries).zip(shape) {
            match entry {
                Index::At(place) => self.bounds.place(*place, length)?,
                Index::Slice(slice) => self.bounds.range(*slice, length)?,
                _ => self.bounds.range(Slice::FULL, length)?,
            }
            match entry {
                Index::List(list) => self.places.push((axis, self.bounds.list(list, length)?)),
                Index::Take(indices) => {
                    indices.check_indices(length, self.bounds.op)?;
                    self.places.push((axis, indices.clone()));
                }
                _ => {}
            }
        }
        let shapes = self.places.iter().map(|(_, indices)| indices.shape());
        self.block = crate::ops::broadcast_shape(shapes, self.bounds.op)?;
        Ok(())
    }

    /// Lays out the axes of the result.
    fn arrange(&mut self, entries: &[Index], apart: bool) {
        let mut lengths = self.bounds.length.iter();
        if apart {
            self.shape.extend(&self.block);
        }
        for (entry, axis) in entries.iter().zip(axes_of(entries)) {
            if matches!(entry, Index::NewAxis) {
                self.new.push(self.shape.len() as i32);
                self.shape.push(1);
                continue;
            }
            let length = lengths.next();
            if !entry.is_advanced() {
                self.shape.extend(length);
                continue;
            }
            if self.gone.is_empty() && !apart {
                self.front = self.shape.len() - self.new.len();
                self.shape.extend(&self.block);
            }
            self.gone.push(axis);
        }
    }
}

/// The axis of the source that each entry is for, or of the next one.
fn axes_of(entries: &[Index]) -> impl Iterator<Item = i32> {
    entries.iter().scan(0, |next, entry| {
        let axis = *next;
        *next += i32::from(!matches!(entry, Index::NewAxis));
        Some(axis)
    })
}

/// Whether something stands between the entries that broadcast together. An ellipsis does, even for no axis.
fn are_apart(entries: &[Index]) -> bool {
    let first = entries.iter().position(Index::is_advanced).unwrap_or_default();
    let last = entries.iter().rposition(Index::is_advanced).unwrap_or_default();
    let between = entries.iter().take(last).skip(first);
    entries.iter().any(Index::is_array) && !between.into_iter().all(Index::is_advanced)
}

/// One entry for each axis, in order, with the new axes between them.
#[track_caller]
fn expand(mut entries: Vec<Index>, shape: &[i32], op: &'static str) -> Result<Vec<Index>> {
    let is_mask = |entry: &Index| matches!(entry, Index::Take(array) if array.dtype() == crate::Dtype::Bool);
    if entries.iter().any(is_mask) {
        let message = "a mask picks as many elements as it has true ones, which is not known yet: use the index \
                       arrays that its nonzero() computes";
        return Err(Error::new(Kind::Index, op, message));
    }
    let used = entries.iter().filter(|e| !matches!(e, Index::NewAxis | Index::Ellipsis)).count();
    let ellipses = entries.iter().filter(|e| matches!(e, Index::Ellipsis)).count();
    let Some(left) = shape.len().checked_sub(used).filter(|_| ellipses < 2) else {
        let message = format!("{used} entries and {ellipses} ellipses for shape {shape:?}");
        return Err(Error::new(Kind::Index, op, message));
    };
    let at = entries.iter().position(|e| matches!(e, Index::Ellipsis)).unwrap_or(entries.len());
    let end = entries.len().min(at + ellipses);
    entries.splice(at..end, std::iter::repeat_n(Index::Slice(Slice::FULL), left));
    Ok(entries)
}

/// `array` with its first `count` axes behind the `past` that follow them.
#[track_caller]
fn roll(array: &Array, count: usize, past: usize) -> Result<Array> {
    if count == 0 || past == 0 {
        return Ok(array.clone());
    }
    let order = (count..count + past).chain(0..count).chain(count + past..array.ndim());
    raw::transpose_axes(array, &order.map(|axis| axis as i32).collect::<Vec<_>>())
}

#[track_caller]
fn squeeze(array: &Array, axes: &[i32]) -> Result<Array> {
    if axes.is_empty() { Ok(array.clone()) } else { raw::squeeze_axes(array, axes) }
}

/// The bounds of a slice over all axes.
#[derive(Default)]
pub(super) struct Bounds {
    op: &'static str,
    pub(super) start: Vec<i32>,
    pub(super) stop: Vec<i32>,
    pub(super) step: Vec<i32>,
    /// The number of places between the bounds.
    length: Vec<i32>,
    is_part: bool,
}

impl Bounds {
    /// Whether they leave nothing out and turn nothing round.
    pub(super) fn is_whole(&self) -> bool {
        !self.is_part
    }

    #[track_caller]
    pub(super) fn cut(&self, array: &Array) -> Result<Array> {
        if self.is_whole() {
            Ok(array.clone())
        } else {
            raw::slice(array, &self.start, &self.stop, &self.step)
        }
    }

    /// The lengths that one place of each index array leaves.
    pub(super) fn sizes(&self, places: &[(i32, Array)]) -> Vec<i32> {
        let is_place = |axis: i32| places.iter().any(|(place, _)| *place == axis);
        (0..).zip(&self.length).map(|(axis, &length)| if is_place(axis) { 1 } else { length }).collect()
    }

    /// As Python's `slice.indices` has them, but in a form that MLX reads in the same way: what is before the
    /// first place is `-length - 1`, and no step goes over the end.
    #[track_caller]
    fn range(&mut self, slice: Slice, length: i32) -> Result<()> {
        if slice.step == 0 {
            return Err(Error::new(Kind::Index, self.op, "a slice has step 0"));
        }
        let (low, high) = if slice.step > 0 { (0, length) } else { (-1, length - 1) };
        let from_end = |bound: i32| if bound < 0 { bound.saturating_add(length) } else { bound };
        let bound = |value: Option<i32>, open: i32| value.map_or(open, |b| from_end(b).clamp(low, high));
        let (first, last) = if slice.step > 0 { (low, high) } else { (high, low) };
        let (start, stop) = (bound(slice.start, first), bound(slice.stop, last));
        let step = slice.step.clamp(-length.max(1), length.max(1));
        let span = if step > 0 { stop - start } else { start - stop };
        let count = if span > 0 { (span - 1) / step.abs() + 1 } else { 0 };
        match (count, stop < 0) {
            (0, _) => self.push(0, 0, 1, 0),
            // MLX's gradient of one place with a longer step is 0.
            (1, _) => self.push(start, start + 1, 1, 1),
            (_, true) => self.push(start, -length - 1, step, count),
            (_, false) => self.push(start, stop, step, count),
        }
        self.is_part |= (start, count, step) != (0, length, 1) && (count, length) != (1, 1);
        Ok(())
    }

    #[track_caller]
    fn place(&mut self, place: i32, length: i32) -> Result<()> {
        let at = self.inside(place, length)?;
        self.push(at, at + 1, 1, 1);
        self.is_part |= length != 1;
        Ok(())
    }

    /// The places as an index array.
    #[track_caller]
    fn list(&self, places: &[i32], length: i32) -> Result<Array> {
        let mut inside = Vec::with_capacity(places.len());
        for &place in places {
            inside.push(self.inside(place, length)?);
        }
        Array::from_slice(&inside, [i32::try_from(inside.len()).unwrap_or(-1)])
    }

    /// `place` counted from the front.
    #[track_caller]
    fn inside(&self, place: i32, length: i32) -> Result<i32> {
        let at = if place < 0 { place.saturating_add(length) } else { place };
        if (0..length).contains(&at) {
            return Ok(at);
        }
        let message = format!("index {place} is outside an axis of length {length}");
        Err(Error::new(Kind::Index, self.op, message))
    }

    fn push(&mut self, start: i32, stop: i32, step: i32, length: i32) {
        self.start.push(start);
        self.stop.push(stop);
        self.step.push(step);
        self.length.push(length);
    }
}
