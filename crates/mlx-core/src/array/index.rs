//! `x.index((.., -1, 2..5, NewAxis))`: reading parts of an array.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use crate::ffi::raw;
use crate::{Array, Error, Kind, Result};

/// A new axis of length 1.
#[derive(Clone, Copy, Debug)]
pub struct NewAxis;

/// A range with a step. Negative bounds count from the end, as in Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// First index; the end that the step starts from if absent.
    pub start: Option<i32>,
    /// One past the last index; the far end if absent.
    pub stop: Option<i32>,
    /// Distance between indices, not zero. A negative one goes backwards.
    pub step: i32,
}

/// One entry of an index.
#[derive(Clone, Debug)]
pub enum Index {
    /// One place; the axis goes away.
    At(i32),
    /// A range; the axis stays.
    Slice(Slice),
    /// The places that an array of integers names; out-of-range ones are clamped.
    Take(Array),
    /// A new axis of length 1.
    NewAxis,
    /// All axes that the other entries leave over.
    Ellipsis,
}

/// One entry, a tuple of entries, or a list of them.
pub trait IntoIndices {
    /// The entries in order.
    fn into_indices(self) -> Vec<Index>;
}

impl Slice {
    const FULL: Self = Self { start: None, stop: None, step: 1 };

    /// Every `step`-th place of a range.
    pub fn step_by(range: impl Into<Self>, step: i32) -> Self {
        Self { step, ..range.into() }
    }

    /// Start, stop and step on an axis of `length`, as Python's `slice.indices` has them, but in a form that MLX
    /// reads in the same way: what is before the first place is `-length - 1`, and no step goes over the end.
    fn resolve(self, length: i32) -> (i32, i32, i32) {
        let (low, high) = if self.step > 0 { (0, length) } else { (-1, length - 1) };
        let from_end = |bound: i32| if bound < 0 { bound.saturating_add(length) } else { bound };
        let bound = |value: Option<i32>, open: i32| value.map_or(open, |b| from_end(b).clamp(low, high));
        let (first, last) = if self.step > 0 { (low, high) } else { (high, low) };
        let (start, stop) = (bound(self.start, first), bound(self.stop, last));
        let step = self.step.clamp(-length.max(1), length.max(1));
        match (start < 0, stop < 0) {
            (true, _) => (0, 0, 1),
            (false, true) => (start, -length - 1, step),
            (false, false) => (start, stop, step),
        }
    }
}

impl Array {
    /// The part of the array that `index` names: integers, ranges, [`Slice`], [`NewAxis`], index arrays, and
    /// `...` written as [`Index::Ellipsis`]. Missing entries at the end mean whole axes.
    ///
    /// ```
    /// let x = mlx_core::Array::from([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.index((.., -1))?.to_vec::<i32>()?, [3, 6]);
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// There are more entries than axes, an integer is out of range, a step is zero, or there are several index
    /// arrays.
    #[track_caller]
    pub fn index(&self, index: impl IntoIndices) -> Result<Self> {
        let index = index.into_indices();
        check_takes(&index)?;
        let entries = self.expand(index)?;
        let mut out = self.slice_entries(&entries)?;
        let mut axis = 0;
        for entry in &entries {
            match entry {
                Index::At(_) => out = raw::squeeze_axis(&out, axis)?,
                Index::NewAxis => {
                    out = raw::expand_dims(&out, axis)?;
                    axis += 1;
                }
                Index::Take(indices) => {
                    out = out.take(indices, axis)?;
                    axis += indices.ndim() as i32;
                }
                Index::Slice(_) | Index::Ellipsis => axis += 1,
            }
        }
        Ok(out)
    }

    /// One entry for each axis, in order, with the new axes between them.
    #[track_caller]
    fn expand(&self, mut entries: Vec<Index>) -> Result<Vec<Index>> {
        let used = entries.iter().filter(|e| !matches!(e, Index::NewAxis | Index::Ellipsis)).count();
        let ellipses = entries.iter().filter(|e| matches!(e, Index::Ellipsis)).count();
        let Some(left) = self.ndim().checked_sub(used).filter(|_| ellipses < 2) else {
            let message = format!("{used} entries and {ellipses} ellipses for shape {:?}", self.shape());
            return Err(Error::new(Kind::Index, "index", message));
        };
        let at = entries.iter().position(|e| matches!(e, Index::Ellipsis)).unwrap_or(entries.len());
        let end = entries.len().min(at + ellipses);
        entries.splice(at..end, std::iter::repeat_n(Index::Slice(Slice::FULL), left));
        Ok(entries)
    }

    /// Cuts the ranges and the single places, which stay as axes of length 1.
    #[track_caller]
    fn slice_entries(&self, entries: &[Index]) -> Result<Self> {
        let cut = entries.iter().filter(|e| !matches!(e, Index::NewAxis));
        let mut bounds = Bounds::default();
        for (entry, &length) in cut.zip(self.shape()) {
            match entry {
                Index::At(place) => bounds.place(*place, length)?,
                Index::Slice(slice) if slice.step == 0 => {
                    return Err(Error::new(Kind::Index, "index", "a slice has step 0"));
                }
                Index::Slice(slice) => bounds.range(*slice, length),
                _ => bounds.range(Slice::FULL, length),
            }
        }
        if bounds.whole {
            Ok(self.clone())
        } else {
            raw::slice(self, &bounds.start, &bounds.stop, &bounds.step)
        }
    }
}

/// Refuses what NumPy arranges differently from one entry after the other: several index arrays go along
/// together, and one that something parts from an integer puts its axes first.
#[track_caller]
fn check_takes(entries: &[Index]) -> Result<()> {
    let takes: Vec<_> = (0..).zip(entries).filter(|(_, entry)| matches!(entry, Index::Take(_))).collect();
    let message = match takes.as_slice() {
        [] => return Ok(()),
        [(at, Index::Take(indices))] if indices.ndim() == 0 || takes_in_place(entries, *at) => return Ok(()),
        [_] => "an index array and an integer with something between them: index by one after the other",
        _ => "several index arrays: index by one after the other, or use take",
    };
    Err(Error::new(Kind::Index, "index", message))
}

/// Whether the axes of the index array at `take` come where its entry is, or first, where that is the same.
fn takes_in_place(entries: &[Index], take: usize) -> bool {
    let is_advanced = |entry: &Index| matches!(entry, Index::At(_) | Index::Take(_));
    let first = entries.iter().position(is_advanced).unwrap_or(take);
    let last = entries.iter().rposition(is_advanced).unwrap_or(take);
    let adjacent = entries.iter().take(last + 1).skip(first).all(is_advanced);
    adjacent || entries.iter().take(take).all(is_advanced)
}

/// The bounds of a slice over all axes.
struct Bounds {
    start: Vec<i32>,
    stop: Vec<i32>,
    step: Vec<i32>,
    whole: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { start: Vec::new(), stop: Vec::new(), step: Vec::new(), whole: true }
    }
}

impl Bounds {
    fn push(&mut self, start: i32, stop: i32, step: i32) {
        self.start.push(start);
        self.stop.push(stop);
        self.step.push(step);
    }

    fn range(&mut self, slice: Slice, length: i32) {
        let (start, stop, step) = slice.resolve(length);
        self.whole &= start == 0 && stop == length && step == 1;
        self.push(start, stop, step);
    }

    #[track_caller]
    fn place(&mut self, place: i32, length: i32) -> Result<()> {
        let at = if place < 0 { place.saturating_add(length) } else { place };
        if !(0..length).contains(&at) {
            let message = format!("index {place} is outside an axis of length {length}");
            return Err(Error::new(Kind::Index, "index", message));
        }
        self.whole = false;
        self.push(at, at + 1, 1);
        Ok(())
    }
}

macro_rules! ranges {
    ($($range:ty => |$r:ident| $start:expr, $stop:expr;)*) => {$(
        impl From<$range> for Slice {
            fn from($r: $range) -> Self {
                Self { start: $start, stop: $stop, step: 1 }
            }
        }

        impl From<$range> for Index {
            fn from(range: $range) -> Self {
                Self::Slice(range.into())
            }
        }
    )*};
}

/// One past an inclusive bound; past -1 is the end.
fn past(last: i32) -> Option<i32> {
    last.checked_add(1).filter(|&next| next != 0)
}

ranges! {
    Range<i32> => |r| Some(r.start), Some(r.end);
    RangeFrom<i32> => |r| Some(r.start), None;
    RangeTo<i32> => |r| None, Some(r.end);
    RangeInclusive<i32> => |r| Some(*r.start()), past(*r.end());
    RangeToInclusive<i32> => |r| None, past(r.end);
    RangeFull => |_r| None, None;
}

impl From<i32> for Index {
    fn from(place: i32) -> Self {
        Self::At(place)
    }
}

impl From<Slice> for Index {
    fn from(slice: Slice) -> Self {
        Self::Slice(slice)
    }
}

impl From<NewAxis> for Index {
    fn from(_: NewAxis) -> Self {
        Self::NewAxis
    }
}

impl From<&Array> for Index {
    fn from(indices: &Array) -> Self {
        Self::Take(indices.clone())
    }
}

impl IntoIndices for Vec<Index> {
    fn into_indices(self) -> Self {
        self
    }
}

impl<T: Into<Index>> IntoIndices for T {
    fn into_indices(self) -> Vec<Index> {
        vec![self.into()]
    }
}

macro_rules! tuples {
    ($(($($name:ident),*),)*) => {$(
        impl<$($name: Into<Index>),*> IntoIndices for ($($name,)*) {
            #[expect(non_snake_case, reason = "the type parameters name the fields")]
            fn into_indices(self) -> Vec<Index> {
                let ($($name,)*) = self;
                vec![$($name.into()),*]
            }
        }
    )*};
}

tuples! {
    (A),
    (A, B),
    (A, B, C),
    (A, B, C, D),
    (A, B, C, D, E),
    (A, B, C, D, E, F),
}
