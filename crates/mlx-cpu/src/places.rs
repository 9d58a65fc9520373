//! Slices, a vector at a time.

use std::ops::Range;

use crate::simd::Simd;

/// Calls `work` for the places of each whole vector of `length` elements, and for those of the rest if there is one.
///
/// Of the first calls, the compiler knows how many places they have.
#[inline(always)]
pub(crate) fn each<S: Simd>(_: S, length: usize, mut work: impl FnMut(Range<usize>)) {
    let mut first = 0;
    while length - first >= S::LANES {
        work(first..first + S::LANES);
        first += S::LANES;
    }
    if first < length {
        work(first..length);
    }
}
