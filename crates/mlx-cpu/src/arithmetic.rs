//! Sums and products of numbers in the same places.

#![expect(clippy::indexing_slicing, reason = "parts of slices whose lengths were checked")]

use crate::numbers::{Float, same};
use crate::rows::{self, Rows};
use crate::simd::Simd;
use crate::{Level, Numbers, NumbersMut, places};

/// `x + y`, rounded once.
///
/// Returns whether the lengths are the same, and so are the types.
pub fn add(level: Level, terms: [Numbers<'_>; 2], out: NumbersMut<'_>) -> bool {
    pairs::<false>(level, terms, out)
}

/// `x · y`, rounded once.
///
/// Returns whether the lengths are the same, and so are the types.
pub fn multiply(level: Level, factors: [Numbers<'_>; 2], out: NumbersMut<'_>) -> bool {
    pairs::<true>(level, factors, out)
}

/// Elements that are a row.
const PART: usize = 4096;

fn pairs<const PRODUCT: bool>(level: Level, [x, y]: [Numbers<'_>; 2], out: NumbersMut<'_>) -> bool {
    same!([x, y], [out], {
        let fits = x.len() == out.len() && y.len() == out.len();
        if fits {
            rows::write(level, out, PART, rows::grain(PART), &Pairs::<_, PRODUCT> { x, y });
        }
        fits
    })
}

struct Pairs<'a, T, const PRODUCT: bool> {
    x: &'a [T],
    y: &'a [T],
}

impl<T: Float, const PRODUCT: bool> Rows for Pairs<'_, T, PRODUCT> {
    type Out = T;

    #[inline(always)]
    fn write<S: Simd>(&self, s: S, number: usize, out: &mut [T]) {
        let first = number * PART;
        let [x, y] = [&self.x[first..][..out.len()], &self.y[first..][..out.len()]];
        places::each(
            s,
            out.len(),
            #[inline(always)]
            |at| {
                let (x, y) = (T::load(s, &x[at.clone()]), T::load(s, &y[at.clone()]));
                T::store(s, &mut out[at], if PRODUCT { s.mul(x, y) } else { s.add(x, y) });
            },
        );
    }
}
