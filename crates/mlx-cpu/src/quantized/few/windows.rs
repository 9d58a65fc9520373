//! Elements as whole numbers of 16 bits, for codes that lie across the bounds of bytes.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use super::Terms;
use crate::quantized::fields::permuted;
use crate::quantized::rounded::round_shorts;
use crate::simd::{MOST_LANES, Simd};

/// Products of codes of 3, 5 or 6 bits with such elements.
///
/// 8 codes fill `BITS` bytes, and each of them lies in two bytes that follow each other. A vector has parts of 4 lanes, for 8
/// codes each; in a block the codes of both vectors lie part by part.
pub(super) struct Windows<const BITS: usize>;

impl<const BITS: usize> Windows<BITS> {
    /// For each lane a word: those of a part begin with the word in which its codes begin.
    const WORDS: [u32; MOST_LANES] = {
        let mut words = [0; MOST_LANES];
        let mut lane = 0;
        while lane < MOST_LANES {
            words[lane] = (lane / 4 * BITS / 2 + lane % 4) as u32;
            lane += 1;
        }
        words
    };

    /// For each vector, for each place of 16 bits: the two bytes of the part in which its code lies.
    const BYTES: [[u32; MOST_LANES]; 2] = Self::places(false);

    /// Likewise, what moves the code up to the highest bits.
    const FACTORS: [[u32; MOST_LANES]; 2] = Self::places(true);

    const fn places(factors: bool) -> [[u32; MOST_LANES]; 2] {
        let mut places = [[0; MOST_LANES]; 2];
        let mut at = 0;
        while at < 4 * MOST_LANES {
            let (vector, lane, half) = (at / 2 / MOST_LANES, at / 2 % MOST_LANES, at % 2);
            let (part, code) = (lane / 4, lane % 4 * 2 + half);
            let bit = part * 16 * BITS % 32 + (vector * 8 + code) * BITS;
            let place = if factors { 1 << (16 - BITS - bit % 8) } else { (bit / 8) | ((bit / 8 + 1) << 8) };
            places[vector][lane] |= (place as u32) << (16 * half);
            at += 1;
        }
        places
    }
}

impl<const BITS: usize> Terms for Windows<BITS> {
    const BITS: usize = BITS;
    const VECTORS: usize = 2;
    const SCALED: bool = true;

    fn words(lanes: usize) -> usize {
        lanes * BITS / 8
    }

    #[inline(always)]
    fn products<S: Simd, const N: usize>(s: S, words: &[u32], x: &[f32]) -> [S::F; N] {
        let words = permuted(s, s.load_some(words), s.load_int(&Self::WORDS));
        let mut sums = [s.splat_int(0); N];
        for vector in 0..2 {
            let windows = s.shuffle_bytes(words, s.load_int(&Self::BYTES[vector]));
            let moved = s.mul_shorts(windows, s.load_int(&Self::FACTORS[vector]));
            let codes = s.shift_right_shorts(moved, 16 - BITS as i32);
            for (n, sum) in sums.iter_mut().enumerate() {
                let x = s.to_bits(s.load(&x[(n * 2 + vector) * S::LANES..]));
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
        for (pair, x) in x.chunks_exact(2).enumerate() {
            let (block, within) = (pair / (2 * S::LANES), pair % (2 * S::LANES));
            let (eight, lane) = (within / 4, within % 4);
            let place = block * stride + eight % 2 * vector + eight / 2 * 4 + lane;
            to[place] = f32::from_bits(x[0].to_bits() & 0xffff | x[1].to_bits() << 16);
        }
    }

    /// The elements of a group become the bits of whole numbers.
    #[inline(always)]
    fn round<S: Simd>(s: S, x: &mut [f32]) -> [f32; 2] {
        round_shorts(s, x)
    }
}
