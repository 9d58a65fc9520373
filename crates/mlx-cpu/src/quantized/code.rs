//! How codes lie in words, and what they stand for.

use crate::simd::Simd;

/// Codes, of which several stand in a unit: what a lane holds of them.
pub(super) trait Code: Sync + 'static {
    /// Codes in a unit.
    const COUNT: usize;

    /// Units from number `first` of a row on, one a lane.
    fn units<S: Simd>(s: S, row: &[u32], first: usize) -> S::I;

    /// Unit number `unit` of several rows that begin `stride` words after each other, one a lane.
    fn column<S: Simd>(s: S, rows: &[u32], stride: usize, unit: usize) -> S::I;

    /// What codes stand for that follow each other, as many as there are lanes, from `number` times as many on.
    fn consecutive<S: Simd>(s: S, units: S::I, number: usize) -> S::F;

    /// What code number `at` of each unit stands for.
    fn value<S: Simd>(s: S, units: S::I, at: usize) -> S::F;

    /// The same, divided by [`factor`](Self::factor): what is fastest to get.
    fn raw<S: Simd>(s: S, units: S::I, at: usize) -> S::F;

    /// What [`raw`](Self::raw) values are multiplied by.
    fn factor(at: usize) -> f32;
}

/// Whole numbers of so many bits.
pub(super) struct Affine<const BITS: usize>;

impl<const BITS: usize> Affine<BITS> {
    /// Bits of a unit: a word, or the three bytes that codes of 3 and 6 bits fill.
    const UNIT: usize = if 32 % BITS == 0 { 32 } else { 24 };
    const MASK: i32 = (1 << BITS) - 1;
}

/// The 24 bits at place `unit` of a row.
#[inline(always)]
fn three_bytes(row: &[u32], unit: usize) -> u32 {
    let (word, skip) = (unit * 24 / 32, unit * 24 % 32);
    let low = row.get(word).copied().unwrap_or(0) >> skip;
    let high = row.get(word + 1).map_or(0, |&word| (u64::from(word) << (32 - skip)) as u32);
    (low | high) & 0x00ff_ffff
}

/// One number for each lane.
#[inline(always)]
fn each_lane<S: Simd>(s: S, of: impl Fn(usize) -> u32) -> S::I {
    let mut lanes = [0; 16];
    let lanes = lanes.get_mut(..S::LANES).unwrap_or_default();
    lanes.iter_mut().enumerate().for_each(|(lane, to)| *to = of(lane));
    s.load_int(lanes)
}

impl<const BITS: usize> Code for Affine<BITS> {
    const COUNT: usize = Self::UNIT / BITS;

    #[inline(always)]
    fn units<S: Simd>(s: S, row: &[u32], first: usize) -> S::I {
        if Self::UNIT == 32 {
            s.load_int(row.get(first..).unwrap_or_default())
        } else {
            each_lane(s, |lane| three_bytes(row, first + lane))
        }
    }

    #[inline(always)]
    fn column<S: Simd>(s: S, rows: &[u32], stride: usize, unit: usize) -> S::I {
        each_lane(s, |lane| {
            let row = rows.get(lane * stride..).unwrap_or_default();
            if Self::UNIT == 32 { row.get(unit).copied().unwrap_or(0) } else { three_bytes(row, unit) }
        })
    }

    #[inline(always)]
    fn consecutive<S: Simd>(s: S, units: S::I, number: usize) -> S::F {
        let first = number * S::LANES;
        let unit = each_lane(
            s,
            #[inline(always)]
            |lane| ((first + lane) / Self::COUNT) as u32,
        );
        let skip = each_lane(
            s,
            #[inline(always)]
            |lane| ((first + lane) % Self::COUNT * BITS) as u32,
        );
        let units = s.to_bits(s.lookup(s.from_bits(units), unit));
        s.to_float(s.and(s.shift_right(units, skip), s.splat_int(Self::MASK)))
    }

    #[inline(always)]
    fn value<S: Simd>(s: S, units: S::I, at: usize) -> S::F {
        let moved = s.shift_right(units, s.splat_int((at * BITS) as i32));
        s.to_float(s.and(moved, s.splat_int(Self::MASK)))
    }

    // A code that is left in its place is the same number times a power of two.
    #[inline(always)]
    fn raw<S: Simd>(s: S, units: S::I, at: usize) -> S::F {
        if (at + 1) * BITS == 32 {
            return s.to_float(s.shift_right(units, s.splat_int((32 - BITS) as i32)));
        }
        s.to_float(s.and(units, s.splat_int(Self::MASK << (at * BITS))))
    }

    #[inline(always)]
    fn factor(at: usize) -> f32 {
        if (at + 1) * BITS == 32 { 1.0 } else { 1.0 / (1_u64 << (at * BITS)) as f32 }
    }
}
