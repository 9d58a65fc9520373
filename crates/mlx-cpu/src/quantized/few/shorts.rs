//! Elements as whole numbers of 16 bits, with a factor for every group.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use super::Terms;
use crate::quantized::fields::mask;
use crate::simd::Simd;

/// The greatest of the whole numbers.
const GREATEST: f32 = 32767.0;
/// What is no greater counts as 0: the inverse of its factor would have no end.
const LEAST: f32 = 1e-33;

/// Products of codes of 2, 4 or 8 bits with such elements.
pub(super) struct Shorts<const BITS: usize>;

impl<const BITS: usize> Terms for Shorts<BITS> {
    const BITS: usize = BITS;
    const VECTORS: usize = 16 / BITS;
    const SCALED: bool = true;

    fn words(lanes: usize) -> usize {
        lanes
    }

    // The halves of a word hold equally many codes: those at one place of both halves are multiplied at a time.
    #[inline(always)]
    fn products<S: Simd, const N: usize>(s: S, words: &[u32], x: &[f32]) -> [S::F; N] {
        let words = s.load_int(words);
        let mask = s.splat_int((mask(BITS) << 16 | mask(BITS)) as i32);
        let mut sums = [s.splat_int(0); N];
        for at in 0..Self::VECTORS {
            let moved = s.shift_right_shorts(words, (at * BITS) as i32);
            let codes = if at + 1 == Self::VECTORS { moved } else { s.and(moved, mask) };
            for (n, sum) in sums.iter_mut().enumerate() {
                let x = s.to_bits(s.load(&x[(n * Self::VECTORS + at) * S::LANES..]));
                *sum = s.add_int(*sum, s.dot_shorts(codes, x));
            }
        }
        sums.map(
            #[inline(always)]
            |sum| s.to_float(sum),
        )
    }

    #[inline(always)]
    fn lay<S: Simd>(_s: S, x: &[f32], [stride, vector]: [usize; 2], to: &mut [f32]) {
        let codes = 32 / BITS;
        for (word, x) in x.chunks_exact(codes).enumerate() {
            let first = word / S::LANES * stride + word % S::LANES;
            let (low, high) = x.split_at(codes / 2);
            for (at, (low, high)) in low.iter().zip(high).enumerate() {
                let pair = low.to_bits() & 0xffff | high.to_bits() << 16;
                to[first + at * vector] = f32::from_bits(pair);
            }
        }
    }

    /// The elements of a group become the bits of whole numbers.
    #[inline(always)]
    fn round<S: Simd>(s: S, x: &mut [f32]) -> [f32; 2] {
        let mut greatest = s.splat(0.0);
        // What is no number, or has no end, is none times 0 as well.
        let mut nothing = s.splat(0.0);
        for x in x.chunks(S::LANES) {
            let x = s.load(x);
            greatest = s.max(s.sub(s.splat(0.0), x), s.max(x, greatest));
            nothing = s.mul_add(x, s.splat(0.0), nothing);
        }
        let greatest = s.greatest(greatest);
        let (scale, inverse) =
            if greatest > LEAST { (greatest / GREATEST, GREATEST / greatest) } else { (0.0, 0.0) };
        let mut sum = s.splat_int(0);
        for x in x.chunks_mut(S::LANES) {
            let whole = s.to_int(s.mul(s.load(x), s.splat(inverse)));
            sum = s.add_int(sum, whole);
            s.store(x, s.from_bits(whole));
        }
        [scale, scale * s.sum(s.to_float(sum)) + s.sum(nothing)]
    }
}
