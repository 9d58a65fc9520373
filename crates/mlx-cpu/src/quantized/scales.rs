//! What codes are multiplied by.

use crate::Numbers;
use crate::numbers::{Float, widen, with};
use crate::simd::Simd;

/// A factor for each group.
#[derive(Clone, Copy, Debug)]
pub enum Scales<'a> {
    /// Floats.
    Numbers(Numbers<'a>),
}

impl Scales<'_> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        let Self::Numbers(numbers) = self;
        numbers.len()
    }

    /// Writes those from number `first` on as singles.
    #[inline(always)]
    pub(super) fn write<S: Simd>(&self, s: S, first: usize, to: &mut [f32]) {
        let Self::Numbers(numbers) = self;
        write(s, *numbers, first, to);
    }

    /// One of them.
    #[inline(always)]
    pub(super) fn at(&self, place: usize) -> f32 {
        let Self::Numbers(numbers) = self;
        at(*numbers, place)
    }
}

/// Writes numbers from number `first` on as singles.
#[inline(always)]
pub(super) fn write<S: Simd>(s: S, numbers: Numbers<'_>, first: usize, to: &mut [f32]) {
    with!(Numbers, numbers, |all| widen(s, all.get(first..).unwrap_or_default(), to));
}

/// A number as a single; 0 past the end.
#[inline(always)]
pub(super) fn at(numbers: Numbers<'_>, place: usize) -> f32 {
    with!(Numbers, numbers, |all| all.get(place).map_or(0.0, |&number| number.to_f32()))
}
