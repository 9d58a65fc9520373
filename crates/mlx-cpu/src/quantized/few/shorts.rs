//! Elements as whole numbers of 16 bits, with a factor for every group.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use super::Terms;
use crate::quantized::fields::mask;
use crate::quantized::rounded::round_shorts;
use crate::simd::Simd;

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
                *sum = s.add_dot_shorts(*sum, codes, x);
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
        round_shorts(s, x)
    }
}
