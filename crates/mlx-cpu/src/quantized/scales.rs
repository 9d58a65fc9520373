//! What codes are multiplied by.

use std::ops::Range;

use super::code::E4m3;
use crate::Numbers;
use crate::numbers::{Element, widen, with};
use crate::simd::Simd;

/// A factor for each group.
#[derive(Clone, Copy, Debug)]
pub enum Scales<'a> {
    /// Floats.
    Numbers(Numbers<'a>),
    /// Powers of two: `2^(byte - 127)`.
    E8m0(&'a [u8]),
    /// Floats of a sign, 4 bits of exponent and 3 of fraction, times one factor for the matrix: 1, or a 2688th (the
    /// greatest scale times the greatest element) of MLX's global scale.
    E4m3(&'a [u8], f32),
}

impl Scales<'_> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::E8m0(bytes) | Self::E4m3(bytes, _) => bytes.len(),
        }
    }

    /// Some of them.
    pub(super) fn part(&self, places: Range<usize>) -> Self {
        match *self {
            Self::Numbers(numbers) => Self::Numbers(numbers.part(places)),
            Self::E8m0(bytes) => Self::E8m0(bytes.get(places).unwrap_or_default()),
            Self::E4m3(bytes, factor) => Self::E4m3(bytes.get(places).unwrap_or_default(), factor),
        }
    }

    /// Writes those from number `first` on as singles.
    #[inline(always)]
    pub(super) fn write<S: Simd>(&self, s: S, first: usize, to: &mut [f32]) {
        match *self {
            Self::Numbers(numbers) => write(s, numbers, first, to),
            Self::E8m0(bytes) => {
                let bytes = bytes.get(first..).unwrap_or_default();
                to.iter_mut().zip(bytes).for_each(|(to, &byte)| *to = power(byte));
            }
            Self::E4m3(bytes, factor) => {
                let bytes = bytes.get(first..).unwrap_or_default();
                to.iter_mut().zip(bytes).for_each(|(to, &byte)| *to = E4m3::number(byte) * factor);
            }
        }
    }

    /// Brings some of them into the cache.
    #[inline(always)]
    pub(super) fn prefetch<S: Simd>(&self, s: S, places: Range<usize>) {
        match *self {
            Self::Numbers(numbers) => prefetch(s, numbers, places),
            Self::E8m0(bytes) | Self::E4m3(bytes, _) => fetch(s, bytes, places),
        }
    }

    /// One of them; 0 past the end.
    #[inline(always)]
    pub(super) fn at(&self, place: usize) -> f32 {
        match *self {
            Self::Numbers(numbers) => at(numbers, place),
            Self::E8m0(bytes) => bytes.get(place).map_or(0.0, |&byte| power(byte)),
            Self::E4m3(bytes, factor) => bytes.get(place).map_or(0.0, |&byte| E4m3::number(byte) * factor),
        }
    }
}

/// `2^(byte - 127)`; infinite for 255.
#[inline(always)]
fn power(byte: u8) -> f32 {
    const LEAST: u32 = 1 << 22;
    f32::from_bits((u32::from(byte) << 23).max(LEAST))
}

/// Writes numbers from number `first` on as singles.
#[inline(always)]
pub(super) fn write<S: Simd>(s: S, numbers: Numbers<'_>, first: usize, to: &mut [f32]) {
    with!(Numbers, numbers, |all| widen(s, all.get(first..).unwrap_or_default(), to));
}

/// Brings numbers into the cache.
#[inline(always)]
pub(super) fn prefetch<S: Simd>(s: S, numbers: Numbers<'_>, places: Range<usize>) {
    with!(Numbers, numbers, |all| fetch(s, all, places));
}

#[inline(always)]
fn fetch<S: Simd, T>(s: S, all: &[T], places: Range<usize>) {
    const LINE: usize = 64;
    for at in places.step_by(LINE / size_of::<T>()) {
        s.prefetch(all, at);
    }
}

/// A number as a single; 0 past the end.
#[inline(always)]
pub(super) fn at(numbers: Numbers<'_>, place: usize) -> f32 {
    with!(Numbers, numbers, |all| all.get(place).map_or(0.0, |&number| number.to_f32()))
}
