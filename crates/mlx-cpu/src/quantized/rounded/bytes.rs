//! Elements as bytes, with a scale for every 32.

use super::{MOST_STEPS, Rounding};
use crate::quantized::code::Affine;
use crate::simd::Simd;

/// Elements with one scale: their products with digits of 4 bits add up to less than 16 bits hold.
const BLOCK: usize = 32;
/// Words of 4 bytes in a block.
const STEPS: usize = BLOCK / 4;

/// Products of codes of 4 or 8 bits with such elements.
pub(super) struct Bytes<const BITS: usize>;

impl<const BITS: usize> Rounding for Bytes<BITS> {
    type Code = Affine<BITS>;
    const EACH: usize = 4;

    #[inline(always)]
    fn digits<S: Simd>() -> usize {
        if S::DOTS { 1 } else { BITS / 4 }
    }

    #[inline(always)]
    fn block(_group: usize) -> usize {
        BLOCK
    }

    // Bytes stand in the order in which codes come out of words: the lower digits of a word, then the upper ones.
    #[inline(always)]
    fn round<S: Simd>(s: S, x: &[f32], lanes: &mut [f32; MOST_STEPS]) -> [f32; 2] {
        let mut greatest = s.splat(0.0);
        for x in x.chunks_exact(S::LANES) {
            let x = s.load(x);
            greatest = s.max(greatest, s.max(x, s.sub(s.splat(0.0), x)));
        }
        let greatest = s.greatest(greatest);
        let inverse = s.splat(if greatest > 0.0 { 127.0 / greatest } else { 0.0 });
        let mut numbers = [0.0; BLOCK];
        for (x, to) in x.chunks_exact(S::LANES).zip(numbers.chunks_exact_mut(S::LANES)) {
            s.store(to, s.from_bits(s.to_int(s.mul(s.load(x), inverse))));
        }
        let mut sum = 0;
        for (step, to) in lanes.iter_mut().take(STEPS).enumerate() {
            let mut word = 0;
            for byte in 0..4 {
                let place = if BITS == 4 { step / 2 * 8 + byte * 2 + step % 2 } else { step * 4 + byte };
                let number = numbers.get(place).map_or(0, |number| number.to_bits() as i32);
                sum += number;
                word |= (number as u32 & 0xff) << (8 * byte);
            }
            *to = f32::from_bits(word);
        }
        let scale = greatest / 127.0;
        [scale, scale * sum as f32]
    }

    #[inline(always)]
    fn unpack<S: Simd>(s: S, words: S::I, word: usize, mut put: impl FnMut(usize, S::I)) {
        if BITS == 8 && S::DOTS {
            put(word, words);
            return;
        }
        let mask = s.splat_int(0x0f0f_0f0f);
        let (low, high) = if BITS == 4 { (2 * word, 2 * word + 1) } else { (word, STEPS + word) };
        put(low, s.and(words, mask));
        put(high, s.and(s.shift_right(words, s.splat_int(4)), mask));
    }

    #[inline(always)]
    fn add<S: Simd>(s: S, sums: S::I, codes: S::I, x: S::I) -> S::I {
        if S::DOTS { s.add_dot_bytes(sums, codes, x) } else { s.add_shorts(sums, s.dot_pairs(codes, x)) }
    }

    #[inline(always)]
    fn total<S: Simd>(s: S, sums: S::I) -> S::F {
        s.to_float(if S::DOTS { sums } else { s.dot_shorts(sums, s.splat_int(1 << 16 | 1)) })
    }
}
