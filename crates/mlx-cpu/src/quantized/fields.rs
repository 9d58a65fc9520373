//! Numbers of a few bits that lie one after the other in words.

use crate::simd::Simd;

/// `width` bits from bit number `bit` of a row on.
#[inline(always)]
pub(super) fn field(row: &[u32], width: usize, bit: usize) -> u32 {
    let word = |at| u64::from(row.get(at).copied().unwrap_or(0));
    let both = word(bit / 32) | word(bit / 32 + 1) << 32;
    (both >> (bit % 32)) as u32 & mask(width)
}

/// The lowest `width` bits.
#[inline(always)]
pub(super) fn mask(width: usize) -> u32 {
    u32::MAX >> (32 - width)
}

/// Fields of `width` bits from number `first` on, one a lane. `first` is a multiple of 8.
#[inline(always)]
pub(super) fn spread<S: Simd>(s: S, row: &[u32], width: usize, first: usize) -> S::I {
    let (word, skip) = (first * width / 32, first * width % 32);
    let words = row.get(word..).unwrap_or_default();
    if width == 32 {
        return s.load_int(words);
    }
    let words = s.load_some(words);
    let bit = s.add_int(s.splat_int(skip as i32), each_lane(s, |lane| (lane * width) as u32));
    let (word, by) = (s.shift_right(bit, s.splat_int(5)), s.and(bit, s.splat_int(31)));
    let low = s.shift_right(permuted(s, words, word), by);
    let field = if 32_usize.is_multiple_of(width) {
        low
    } else {
        // What is left of a word whose upper bits are the lower ones of the field: 32 bits less than `by`, in two moves.
        let rest = s.and(s.sub_int(s.splat_int(31), bit), s.splat_int(31));
        let next = permuted(s, words, s.add_int(word, s.splat_int(1)));
        s.or(low, s.shift_left(s.shift_left(next, rest), s.splat_int(1)))
    };
    s.and(field, s.splat_int(mask(width) as i32))
}

/// Lane `at` of `v` for each lane.
#[inline(always)]
pub(super) fn permuted<S: Simd>(s: S, v: S::I, at: S::I) -> S::I {
    s.to_bits(s.lookup(s.from_bits(v), at))
}

/// One number for each lane.
#[inline(always)]
pub(super) fn each_lane<S: Simd>(s: S, of: impl Fn(usize) -> u32) -> S::I {
    let mut lanes = [0; 16];
    let lanes = lanes.get_mut(..S::LANES).unwrap_or_default();
    lanes.iter_mut().enumerate().for_each(|(lane, to)| *to = of(lane));
    s.load_int(lanes)
}
