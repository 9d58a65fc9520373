//! What an index is made of, and how Rust writes it.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use crate::Array;

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
    /// These places; one that is out of range is an error.
    List(Vec<i32>),
    /// The places that an array of whole numbers names, clamped to the axis; or an array of truth values, which
    /// [`Array::at`] takes alone.
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
    pub(super) const FULL: Self = Self { start: None, stop: None, step: 1 };

    /// Every `step`-th place of a range.
    pub fn step_by(range: impl Into<Self>, step: i32) -> Self {
        Self { step, ..range.into() }
    }
}

impl Index {
    /// Whether this is one of the entries that broadcast together once an index has an array.
    pub(super) fn is_advanced(&self) -> bool {
        matches!(self, Self::At(_)) || self.is_array()
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self, Self::List(_) | Self::Take(_))
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

impl From<Array> for Index {
    fn from(indices: Array) -> Self {
        Self::Take(indices)
    }
}

impl From<Vec<i32>> for Index {
    fn from(places: Vec<i32>) -> Self {
        Self::List(places)
    }
}

impl From<&[i32]> for Index {
    fn from(places: &[i32]) -> Self {
        Self::List(places.to_vec())
    }
}

impl<const N: usize> From<[i32; N]> for Index {
    fn from(places: [i32; N]) -> Self {
        Self::List(places.to_vec())
    }
}

impl IntoIndices for Vec<Index> {
    fn into_indices(self) -> Self {
        self
    }
}

impl IntoIndices for &[Index] {
    fn into_indices(self) -> Vec<Index> {
        self.to_vec()
    }
}

/// One array an axis, as [`Array::nonzero`] gives them.
impl IntoIndices for Vec<Array> {
    fn into_indices(self) -> Vec<Index> {
        self.into_iter().map(Index::Take).collect()
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
    (A, B, C, D, E, F, G),
    (A, B, C, D, E, F, G, H),
}
