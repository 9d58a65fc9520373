//! What some processors have an instruction for, of those that every processor has.

#![expect(clippy::indexing_slicing, reason = "places within a table")]

use half::bf16;

use super::{MOST_LANES, Simd};

/// See [`Simd::load_pairs`].
#[inline(always)]
pub(super) fn load_pairs<S: Simd>(s: S, from: &[[bf16; 2]]) -> S::I {
    let mut words = [0; MOST_LANES];
    for (word, pair) in words.iter_mut().zip(from).take(S::LANES) {
        let [low, high] = pair.map(|half| u32::from(half.to_bits()));
        *word = high << 16 | low;
    }
    s.load_int(&words)
}

/// See [`Simd::lookup_shorts`].
#[inline(always)]
pub(super) fn lookup_shorts<S: Simd>(s: S, table: &[u32; 16], at: S::I) -> S::I {
    let (mut lanes, mut words) = ([0.0; MOST_LANES], [0; MOST_LANES]);
    s.store(&mut lanes, s.from_bits(at));
    for (word, lane) in words.iter_mut().zip(lanes) {
        let short = |at: u32| table[at as usize / 2 % 16] >> (16 * (at % 2)) & 0xffff;
        let at = lane.to_bits();
        *word = short(at >> 16) << 16 | short(at & 0xffff);
    }
    s.load_int(&words)
}

/// See [`Simd::add_dot_bytes`].
#[inline(always)]
pub(super) fn add_dot_bytes<S: Simd>(s: S, sums: S::I, a: S::I, b: S::I) -> S::I {
    let pairs = s.dot_pairs(a, b);
    s.add_int(sums, s.dot_shorts(pairs, s.splat_int(1 << 16 | 1)))
}

/// See [`Simd::add_dot_shorts`].
#[inline(always)]
pub(super) fn add_dot_shorts<S: Simd>(s: S, sums: S::I, a: S::I, b: S::I) -> S::I {
    s.add_int(sums, s.dot_shorts(a, b))
}

/// See [`Simd::add_dot_bf16`].
#[inline(always)]
pub(super) fn add_dot_bf16<S: Simd>(s: S, sums: S::F, a: S::I, b: S::I) -> S::F {
    let upper = |v| s.from_bits(s.and(v, s.splat_int(0xffff_0000_u32 as i32)));
    let lower = |v| s.from_bits(s.shift_left(v, s.splat_int(16)));
    s.mul_add(lower(a), lower(b), s.mul_add(upper(a), upper(b), sums))
}
