//! Elements as whole numbers of 16 bits, with a factor for every group.

#![expect(clippy::indexing_slicing, reason = "places within the lanes of a word")]

use super::{MOST_STEPS, Rounding};
use crate::quantized::code::Affine;
use crate::quantized::fields::mask;
use crate::simd::Simd;

/// The greatest of the whole numbers.
const GREATEST: f32 = 32767.0;
/// What is no greater counts as 0: the inverse of its factor would have no end.
const LEAST: f32 = 1e-33;

/// Makes of a group's elements the bits of whole numbers; returns their factor, and the sum of what they stand for.
#[inline(always)]
pub(in crate::quantized) fn round<S: Simd>(s: S, x: &mut [f32]) -> [f32; 2] {
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

/// Products of codes of 4 or 8 bits with such elements.
pub(super) struct Shorts<const BITS: usize>;

impl<const BITS: usize> Shorts<BITS> {
    /// Vectors of pairs that a word becomes.
    const VECTORS: usize = 16 / BITS;
}

impl<const BITS: usize> Rounding for Shorts<BITS> {
    type Code = Affine<BITS>;
    const EACH: usize = 2;

    #[inline(always)]
    fn digits<S: Simd>() -> usize {
        1
    }

    #[inline(always)]
    fn block(group: usize) -> usize {
        group
    }

    // The halves of a word hold equally many codes: those at one place of both halves are multiplied at a time.
    #[inline(always)]
    fn round<S: Simd>(s: S, x: &[f32], lanes: &mut [f32; MOST_STEPS]) -> [f32; 2] {
        let mut numbers = [0.0; 2 * MOST_STEPS];
        let numbers = &mut numbers[..x.len()];
        numbers.copy_from_slice(x);
        let rounded = round(s, numbers);
        let words = numbers.chunks_exact(2 * Self::VECTORS).zip(lanes.chunks_exact_mut(Self::VECTORS));
        for (numbers, lanes) in words {
            let (low, high) = numbers.split_at(Self::VECTORS);
            for (lane, (low, high)) in lanes.iter_mut().zip(low.iter().zip(high)) {
                *lane = f32::from_bits(low.to_bits() & 0xffff | high.to_bits() << 16);
            }
        }
        rounded
    }

    #[inline(always)]
    fn unpack<S: Simd>(s: S, words: S::I, word: usize, mut put: impl FnMut(usize, S::I)) {
        let mask = s.splat_int((mask(BITS) << 16 | mask(BITS)) as i32);
        for at in 0..Self::VECTORS {
            put(word * Self::VECTORS + at, s.and(s.shift_right_shorts(words, (at * BITS) as i32), mask));
        }
    }

    #[inline(always)]
    fn add<S: Simd>(s: S, sums: S::I, codes: S::I, x: S::I) -> S::I {
        s.add_dot_shorts(sums, codes, x)
    }

    #[inline(always)]
    fn total<S: Simd>(s: S, sums: S::I) -> S::F {
        s.to_float(sums)
    }
}
