//! Exponentials that sum to one.

#![expect(clippy::indexing_slicing, reason = "rows of a length that was checked")]

use crate::function::exp;
use crate::numbers::{Float, same};
use crate::rows::{self, Rows};
use crate::scratch::Scratch;
use crate::simd::Simd;
use crate::sums::{greatest, sum};
use crate::{Level, Numbers, NumbersMut};

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
        let mut powers = Scratch::new(self.width);
        let most = s.splat(greatest(s, row));
        for (from, to) in row.chunks(S::LANES).zip(powers.chunks_mut(S::LANES)) {
            s.store(to, exp(s, s.sub(T::load(s, from), most)));
        }
        let total = sum(
            s,
            &powers,
            s.splat(0.0),
            #[inline(always)]
            |v| v,
        );
        let factor = s.splat((1.0 / total) as f32);
        for (from, to) in powers.chunks(S::LANES).zip(out.chunks_mut(S::LANES)) {
            T::store(s, to, s.mul(s.load(from), factor));
        }
    }
}
