//! Elements and codes as `bfloat16`, which holds both.

#![expect(clippy::indexing_slicing, reason = "a table that the compiler makes")]

use std::marker::PhantomData;

use super::{MOST_STEPS, Rounding};
use crate::quantized::code::Code;
use crate::simd::Simd;

/// The upper half of a single.
const UPPER: u32 = 0xffff_0000;

/// Products of codes with such elements.
pub(super) struct Halves<C>(PhantomData<C>);

impl<C: Code> Halves<C> {
    /// The first and the second element of a pair are so far apart: codes of 4 bits at one place in both halves of a word are
    /// looked up at once.
    const APART: usize = if C::BITS == 4 { 4 } else { 1 };

    /// What codes of 4 bits stand for: two in a word, and all of them twice.
    const TABLE: [u32; 16] = {
        let (mut table, mut at) = ([0; 16], 0);
        while at < 16 {
            let low = C::VALUES[2 * at % 16].to_bits() >> 16;
            table[at] = C::VALUES[(2 * at + 1) % 16].to_bits() & UPPER | low;
            at += 1;
        }
        table
    };
}

impl<C: Code> Rounding for Halves<C> {
    type Code = C;
    const EACH: usize = 2;
    const SCALED: bool = false;

    #[inline(always)]
    fn digits<S: Simd>() -> usize {
        1
    }

    #[inline(always)]
    fn block(group: usize) -> usize {
        group
    }

    #[inline(always)]
    fn round<S: Simd>(s: S, x: &[f32], lanes: &mut [f32; MOST_STEPS]) -> [f32; 2] {
        let mut sum = s.splat(0.0);
        for x in x.chunks(S::LANES) {
            sum = s.add(sum, s.load(x));
        }
        let pieces = x.chunks_exact(2 * Self::APART).zip(lanes.chunks_exact_mut(Self::APART));
        for (x, lanes) in pieces {
            let (low, high) = x.split_at(Self::APART);
            for (lane, (low, high)) in lanes.iter_mut().zip(low.iter().zip(high)) {
                *lane = f32::from_bits(high.to_bits() & UPPER | low.to_bits() >> 16);
            }
        }
        [1.0, s.sum(sum)]
    }

    #[inline(always)]
    fn unpack<S: Simd>(s: S, units: S::I, unit: usize, mut put: impl FnMut(usize, S::I)) {
        if C::BITS == 4 {
            let mask = s.splat_int(0x000f_000f);
            for at in 0..4 {
                let codes = s.and(s.shift_right_shorts(units, 4 * at as i32), mask);
                put(unit * 4 + at, s.lookup_shorts(&Self::TABLE, codes));
            }
            return;
        }
        for pair in 0..C::COUNT / 2 {
            let [low, high] = [2 * pair, 2 * pair + 1].map(|at| s.to_bits(C::value(s, units, at)));
            let (low, high) = (s.shift_right(low, s.splat_int(16)), s.and(high, s.splat_int(UPPER as i32)));
            put(unit * C::COUNT / 2 + pair, s.or(low, high));
        }
    }

    #[inline(always)]
    fn add<S: Simd>(s: S, sums: S::I, codes: S::I, x: S::I) -> S::I {
        s.to_bits(s.add_dot_bf16(s.from_bits(sums), codes, x))
    }

    #[inline(always)]
    fn total<S: Simd>(s: S, sums: S::I) -> S::F {
        s.from_bits(sums)
    }
}
