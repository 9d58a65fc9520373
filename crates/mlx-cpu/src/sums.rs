//! Sums over a slice, and the greatest of its elements.

#![expect(clippy::indexing_slicing, reason = "within chunks of the length that is read")]

use crate::numbers::Float;
use crate::simd::Simd;

/// Elements that are summed in single precision.
const BLOCK: usize = 4096;
/// Vectors that are added at once.
const TOGETHER: usize = 4;

/// The number of each lane.
const LANES: [f32; 16] =
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0];

/// A vector of elements, with `fill` behind them where there are fewer than lanes.
#[inline(always)]
fn filled<S: Simd, T: Float>(s: S, from: &[T], fill: S::F) -> S::F {
    s.less(s.load(&LANES), s.splat(from.len() as f32), T::load(s, from), fill)
}

/// The sum of what `part` makes of vectors, 0 of `fill`.
#[inline(always)]
pub(crate) fn sum<S: Simd, T: Float>(s: S, from: &[T], fill: S::F, part: impl Fn(S::F) -> S::F) -> f64 {
    let mut total = 0.0;
    for block in from.chunks(BLOCK) {
        let mut sums = [s.splat(0.0); TOGETHER];
        let mut groups = block.chunks_exact(TOGETHER * S::LANES);
        for group in groups.by_ref() {
            for n in 0..TOGETHER {
                sums[n] = s.add(sums[n], part(T::load(s, &group[n * S::LANES..])));
            }
        }
        for rest in groups.remainder().chunks(S::LANES) {
            sums[0] = s.add(sums[0], part(filled(s, rest, fill)));
        }
        total += f64::from(s.sum(s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3]))));
    }
    total
}

/// The greatest element that is a number; minus infinity if there is none.
#[inline(always)]
pub(crate) fn greatest<S: Simd, T: Float>(s: S, from: &[T]) -> f32 {
    let least = s.splat(f32::NEG_INFINITY);
    let mut most = [least; TOGETHER];
    let mut groups = from.chunks_exact(TOGETHER * S::LANES);
    for group in groups.by_ref() {
        for n in 0..TOGETHER {
            most[n] = s.max(T::load(s, &group[n * S::LANES..]), most[n]);
        }
    }
    for rest in groups.remainder().chunks(S::LANES) {
        most[0] = s.max(filled(s, rest, least), most[0]);
    }
    s.greatest(s.max(s.max(most[0], most[1]), s.max(most[2], most[3])))
}

/// Whether an element is no number.
#[inline(always)]
pub(crate) fn any_nan<S: Simd, T: Float>(s: S, from: &[T]) -> bool {
    let [none, one] = [s.splat(0.0), s.splat(1.0)];
    // A number is below 1 or above 0.
    let mut least = one;
    for part in from.chunks(S::LANES) {
        let x = T::load(s, part);
        least = s.min(least, s.less(x, one, one, s.less(none, x, one, none)));
    }
    s.greatest(s.sub(one, least)) > 0.0
}
