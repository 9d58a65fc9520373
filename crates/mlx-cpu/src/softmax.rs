//! Exponentials that sum to one.

#![expect(clippy::indexing_slicing, reason = "rows of a length that was checked")]

use crate::function::exp;
use crate::numbers::{Float, same};
use crate::rows::{self, Rows};
use crate::scratch::Scratch;
use crate::simd::Simd;
use crate::sums::{greatest, sum};
use crate::{Level, Numbers, NumbersMut, places};

/// `exp(x) / sum(exp(x))` for each row of `width` numbers, in single precision, rounded once.
///
/// A row whose greatest element is infinite or no number gives no numbers, as MLX has it. Returns whether the sizes fit,
/// and `x` and `out` are of the same type.
pub fn softmax(level: Level, x: Numbers<'_>, width: usize, out: NumbersMut<'_>) -> bool {
    same!([x], [out], {
        let fits = width > 0 && x.len().is_multiple_of(width) && x.len() == out.len();
        if fits {
            rows::write(level, out, width, rows::grain(4 * width), &Softmax { x, width });
        }
        fits
    })
}

struct Softmax<'a, T> {
    x: &'a [T],
    width: usize,
}

impl<T: Float> Rows for Softmax<'_, T> {
    type Out = T;

    #[inline(always)]
    fn write<S: Simd>(&self, s: S, number: usize, out: &mut [T]) {
        let row = &self.x[number * self.width..][..self.width];
        let mut memory = Scratch::new(self.width);
        let powers = &mut *memory;
        let most = s.splat(greatest(s, row));
        places::each(
            s,
            self.width,
            #[inline(always)]
            |at| {
                s.store(&mut powers[at.clone()], exp(s, s.sub(T::load(s, &row[at]), most)));
            },
        );
        let total = sum(
            s,
            powers,
            s.splat(0.0),
            #[inline(always)]
            |v| v,
        );
        let factor = s.splat((1.0 / total) as f32);
        places::each(
            s,
            self.width,
            #[inline(always)]
            |at| {
                T::store(s, &mut out[at.clone()], s.mul(s.load(&powers[at]), factor));
            },
        );
    }
}
