//! How codes lie in words, and what they stand for.

use super::fields::{each_lane, field, mask, spread};
use crate::simd::Simd;

/// Codes, of which several stand in a unit: what a lane holds of them.
pub(super) trait Code: Sync + 'static {
    /// Bits of a code.
    const BITS: usize;

    /// Bits of a unit: a word, or as many as codes fill without a rest.
    const UNIT: usize = match Self::BITS {
        3 | 6 => 24,
        5 => 20,
        _ => 32,
    };

    /// Codes in a unit.
    const COUNT: usize = Self::UNIT / Self::BITS;

    /// What codes of 4 bits stand for.
    const VALUES: [f32; 16] = [0.0; 16];

    /// What codes stand for that are the lower bits of lanes, with any bits above.
    fn decode<S: Simd>(s: S, codes: S::I) -> S::F;

    /// Words that hold a unit for each of so many lanes.
    #[inline(always)]
    fn words(lanes: usize) -> usize {
        lanes * Self::UNIT / 32
    }

    /// The units of some [`words`](Self::words), one a lane. Where there are fewer words, the last units are 0.
    #[inline(always)]
    fn units<S: Simd>(s: S, words: &[u32]) -> S::I {
        spread(s, words, Self::UNIT, 0)
    }

    /// Unit number `unit` of several rows that begin `stride` words after each other, one a lane.
    #[inline(always)]
    fn column<S: Simd>(s: S, rows: &[u32], stride: usize, unit: usize) -> S::I {
        each_lane(s, |lane| {
            let row = rows.get(lane * stride..).unwrap_or_default();
            if Self::UNIT == 32 {
                row.get(unit).copied().unwrap_or(0)
            } else {
                field(row, Self::UNIT, unit * Self::UNIT)
            }
        })
    }

    /// What codes from number `first` of a row on stand for, one a lane. `first` is a multiple of 8.
    #[inline(always)]
    fn values<S: Simd>(s: S, row: &[u32], first: usize) -> S::F {
        Self::decode(s, spread(s, row, Self::BITS, first))
    }

    /// What code number `at` of each unit stands for.
    #[inline(always)]
    fn value<S: Simd>(s: S, units: S::I, at: usize) -> S::F {
        Self::decode(s, s.shift_right(units, s.splat_int((at * Self::BITS) as i32)))
    }

    /// The same, divided by [`factor`](Self::factor): what is fastest to get.
    #[inline(always)]
    fn raw<S: Simd>(s: S, units: S::I, at: usize) -> S::F {
        Self::value(s, units, at)
    }

    /// What [`raw`](Self::raw) values are multiplied by.
    #[inline(always)]
    fn factor(_at: usize) -> f32 {
        1.0
    }
}

/// Whole numbers of so many bits.
pub(super) struct Affine<const BITS: usize>;

impl<const BITS: usize> Code for Affine<BITS> {
    const BITS: usize = BITS;
    const VALUES: [f32; 16] =
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0];

    #[inline(always)]
    fn decode<S: Simd>(s: S, codes: S::I) -> S::F {
        s.to_float(s.and(codes, s.splat_int(mask(BITS) as i32)))
    }

    // A code that is left in its place is the same number times a power of two.
    #[inline(always)]
    fn raw<S: Simd>(s: S, units: S::I, at: usize) -> S::F {
        if (at + 1) * BITS == 32 {
            return s.to_float(s.shift_right(units, s.splat_int((32 - BITS) as i32)));
        }
        s.to_float(s.and(units, s.splat_int((mask(BITS) << (at * BITS)) as i32)))
    }

    #[inline(always)]
    fn factor(at: usize) -> f32 {
        if (at + 1) * BITS == 32 { 1.0 } else { 1.0 / (1_u64 << (at * BITS)) as f32 }
    }
}

/// Floats of a sign, 2 bits of exponent and 1 of fraction.
pub(super) struct E2m1;

impl Code for E2m1 {
    const BITS: usize = 4;
    const VALUES: [f32; 16] =
        [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0];

    // A table of 8 lanes has the values without the sign.
    #[inline(always)]
    fn decode<S: Simd>(s: S, codes: S::I) -> S::F {
        let found = s.lookup(s.load(&Self::VALUES), codes);
        if S::LANES == 16 {
            return found;
        }
        let sign = s.and(s.shift_left(codes, s.splat_int(28)), s.splat_int(i32::MIN));
        s.from_bits(s.or(s.to_bits(found), sign))
    }
}

/// Floats of a sign, 4 bits of exponent and 3 of fraction; all of them are numbers.
pub(super) struct E4m3;

impl E4m3 {
    /// By how much the exponents of singles are greater: `2^120`.
    const FACTOR: f32 = 1_329_227_995_784_915_872_903_807_060_280_344_576.0;

    /// What codes in the upper bits of lanes stand for.
    #[inline(always)]
    fn upper<S: Simd>(s: S, codes: S::I) -> S::F {
        let bits = s.and(s.shift_right_signed(codes, s.splat_int(4)), s.splat_int(0x87f0_0000_u32 as i32));
        s.mul(s.from_bits(bits), s.splat(Self::FACTOR))
    }

    /// What a code stands for.
    #[inline(always)]
    pub(super) fn number(code: u8) -> f32 {
        let code = u32::from(code);
        f32::from_bits((code & 0x80) << 24 | (code & 0x7f) << 20) * Self::FACTOR
    }
}

impl Code for E4m3 {
    const BITS: usize = 8;

    #[inline(always)]
    fn decode<S: Simd>(s: S, codes: S::I) -> S::F {
        Self::upper(s, s.shift_left(codes, s.splat_int(24)))
    }

    #[inline(always)]
    fn value<S: Simd>(s: S, units: S::I, at: usize) -> S::F {
        if at == 3 {
            Self::upper(s, units)
        } else {
            Self::upper(s, s.shift_left(units, s.splat_int(24 - 8 * at as i32)))
        }
    }
}
