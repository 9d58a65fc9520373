//! The greatest of many numbers: of the scores of a vocabulary, for one.

#![expect(clippy::indexing_slicing, reason = "parts of rows whose lengths were checked")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::function::exp;
use crate::numbers::{Element, Float, same, with};
use crate::rows::{self, Rows};
use crate::simd::Simd;
use crate::sums::{any_nan, greatest, sum};
use crate::{Level, Numbers, NumbersMut};

/// The first index of the greatest number of each row of `width`.
///
/// As MLX has it, what is no number is passed over, unless it is the first of the row: then that is chosen. Returns
/// whether the sizes fit.
pub fn argmax(level: Level, x: Numbers<'_>, width: usize, out: &mut [u32]) -> bool {
    let fits = is_matrix(x.len(), width, out.len());
    if fits {
        with!(Numbers, x, |x| {
            let found = parts(level, x, width, &Greatest);
            for ((row, found), out) in x.chunks(width).zip(found.chunks(width.div_ceil(PART))).zip(out) {
                let better = |best: (f32, u32), &next: &(f32, u32)| if next.0 > best.0 { next } else { best };
                let (_, place) = found.iter().fold((f32::NEG_INFINITY, 0), better);
                *out = if row[0].to_f32().is_nan() { 0 } else { place };
            }
        });
    }
    fits
}

/// The greatest number of each row of `width`; none if the row has one that is no number.
///
/// Returns whether the sizes fit, and both are of the same type.
pub fn max(level: Level, x: Numbers<'_>, width: usize, out: NumbersMut<'_>) -> bool {
    let fits = is_matrix(x.len(), width, out.len());
    same!([x], [out], {
        if fits {
            let found = parts(level, x, width, &Most);
            for (found, out) in found.chunks(width.div_ceil(PART)).zip(out) {
                let more = |a: f32, &b: &f32| if a.is_nan() || a > b { a } else { b };
                *out = Float::from_f32(found.iter().fold(f32::NEG_INFINITY, more));
            }
        }
        fits
    })
}

/// `log(sum(exp(x)))` of each row of `width` numbers. The sum is one of doubles.
///
/// Returns whether the sizes fit.
pub fn log_sum_exp(level: Level, x: Numbers<'_>, width: usize, out: NumbersMut<'_>) -> bool {
    let fits = is_matrix(x.len(), width, out.len());
    if fits {
        with!(Numbers, x, |x| with!(NumbersMut, out, |out| {
            let sums = parts(level, x, width, &Powers);
            for (sums, out) in sums.chunks(width.div_ceil(PART)).zip(out) {
                *out = Float::from_f32(logarithm(sums));
            }
        }));
    }
    fits
}

/// The greatest numbers of each row of `width`, the greatest first and the first of equals before others, and their
/// indices: as many for each row as there is place. What is no number counts as greater than all, as where MLX sorts.
///
/// Returns whether the sizes fit, and `x` and `values` are of the same type.
pub fn top_k(
    level: Level,
    x: Numbers<'_>,
    width: usize,
    values: NumbersMut<'_>,
    indices: &mut [u32],
) -> bool {
    same!([x], [values], {
        let rows = x.len().checked_div(width).unwrap_or(0);
        let count = indices.len().checked_div(rows).unwrap_or(0);
        let fits = is_matrix(x.len(), width, rows) && indices.len() == rows * count && count <= width;
        if !fits || values.len() != indices.len() {
            return false;
        }
        let found = parts(level, x, width, &Best { count });
        let to = values.chunks_mut(count.max(1)).zip(indices.chunks_mut(count.max(1)));
        for ((row, found), (values, indices)) in
            x.chunks(width).zip(found.chunks(width.div_ceil(PART))).zip(to)
        {
            let mut keys = found.concat();
            keys.sort_unstable_by_key(|&key| Reverse(key));
            for ((key, value), index) in keys.into_iter().zip(values).zip(indices) {
                *index = place(key);
                *value = row[*index as usize];
            }
        }
        true
    })
}

fn is_matrix(length: usize, width: usize, rows: usize) -> bool {
    width > 0 && u32::try_from(width).is_ok() && rows.checked_mul(width) == Some(length)
}

/// Elements of a row that are looked through at a time.
const PART: usize = 32 << 10;

/// What is found in part of a row.
trait Find: Sync {
    type Found: Clone + Default + Send;

    /// Finds it; always inlined. The first element has index `first` in its row.
    fn find<S: Simd, T: Float>(&self, s: S, part: &[T], first: usize) -> Self::Found;
}

/// What is found in all parts of all rows.
fn parts<T: Float, F: Find>(level: Level, x: &[T], width: usize, find: &F) -> Vec<F::Found> {
    let mut found = vec![F::Found::default(); x.len() / width * width.div_ceil(PART)];
    rows::write(level, &mut found, 1, rows::grain(width.min(PART)), &Parts { x, width, find });
    found
}

struct Parts<'a, T, F> {
    x: &'a [T],
    width: usize,
    find: &'a F,
}

impl<T: Float, F: Find> Rows for Parts<'_, T, F> {
    type Out = F::Found;

    #[inline(always)]
    fn write<S: Simd>(&self, s: S, number: usize, out: &mut [F::Found]) {
        let parts = self.width.div_ceil(PART);
        let row = &self.x[number / parts * self.width..][..self.width];
        let first = number % parts * PART;
        let part = &row[first..self.width.min(first + PART)];
        out.fill(self.find.find(s, part, first));
    }
}

/// The greatest number and its index.
struct Greatest;

impl Find for Greatest {
    type Found = (f32, u32);

    #[inline(always)]
    fn find<S: Simd, T: Float>(&self, s: S, part: &[T], first: usize) -> (f32, u32) {
        const BLOCK: usize = 256;
        let (mut best, mut block) = (f32::NEG_INFINITY, 0);
        for (at, part) in part.chunks(BLOCK).enumerate() {
            let most = greatest(s, part);
            if most > best {
                (best, block) = (most, at);
            }
        }
        let place = part[block * BLOCK..].iter().position(|x| x.to_f32() == best).unwrap_or(0);
        (best, (first + block * BLOCK + place) as u32)
    }
}

/// The greatest number, or that there is one that is none.
struct Most;

impl Find for Most {
    type Found = f32;

    #[inline(always)]
    fn find<S: Simd, T: Float>(&self, s: S, part: &[T], _: usize) -> f32 {
        if any_nan(s, part) { f32::NAN } else { greatest(s, part) }
    }
}

/// The greatest number, and the sum of `exp` of all less [`base`] of it.
struct Powers;

impl Find for Powers {
    type Found = (f32, f64);

    #[inline(always)]
    fn find<S: Simd, T: Float>(&self, s: S, part: &[T], _: usize) -> (f32, f64) {
        let most = greatest(s, part);
        let base = s.splat(base(most));
        let none = s.splat(f32::NEG_INFINITY);
        (
            most,
            sum(
                s,
                part,
                none,
                #[inline(always)]
                |x| exp(s, s.sub(x, base)),
            ),
        )
    }
}

/// What is taken from numbers of which this is the greatest: nothing where that is infinite.
#[inline(always)]
fn base(most: f32) -> f32 {
    if most.is_finite() { most } else { 0.0 }
}

/// The logarithm of a sum of powers.
fn logarithm(sums: &[(f32, f64)]) -> f32 {
    let most = base(sums.iter().fold(f32::NEG_INFINITY, |most, sum| most.max(sum.0)));
    let parts = sums.iter().filter(|sum| sum.1 != 0.0);
    let total: f64 = parts.map(|sum| sum.1 * f64::from(base(sum.0) - most).exp()).sum();
    (f64::from(most) + total.ln()) as f32
}

/// Elements that are looked through at once, and then one by one if there is reason to.
const BLOCK: usize = 32;

/// The keys of the greatest numbers.
struct Best {
    count: usize,
}

impl Find for Best {
    type Found = Vec<u64>;

    #[inline(always)]
    fn find<S: Simd, T: Float>(&self, s: S, part: &[T], first: usize) -> Vec<u64> {
        let count = self.count.min(part.len());
        let mut best = BinaryHeap::with_capacity(count + 1);
        // The greatest number that is not enough.
        let mut bound = f32::NAN;
        for (number, block) in part.chunks(BLOCK).enumerate() {
            let skips = block.first_chunk().is_some_and(
                #[inline(always)]
                |block| !any_above(s, block, bound),
            );
            if skips || count == 0 {
                continue;
            }
            for (at, x) in block.iter().enumerate() {
                let x = x.to_f32();
                if best.len() == count && x <= bound {
                    continue;
                }
                best.push(Reverse(key(x, first + number * BLOCK + at)));
                if best.len() > count {
                    best.pop();
                }
                if let (true, Some(&Reverse(least))) = (best.len() == count, best.peek()) {
                    bound = part[place(least) as usize - first].to_f32();
                }
            }
        }
        best.into_iter().map(|Reverse(key)| key).collect()
    }
}

/// Whether there may be a number above the bound, or one that is none.
#[inline(always)]
fn any_above<S: Simd, T: Float>(s: S, block: &[T; BLOCK], bound: f32) -> bool {
    let next = s.splat(bound.next_up());
    let [yes, no] = [1.0, 0.0].map(
        #[inline(always)]
        |x| s.splat(x),
    );
    let mut count = no;
    for part in block.chunks_exact(S::LANES) {
        count = s.add(count, s.less(T::load(s, part), next, no, yes));
    }
    s.sum(count) > 0.0
}

/// Numbers in their order, the first of equals above the others.
fn key(x: f32, place: usize) -> u64 {
    // Both zeros are the same.
    let bits = (x + 0.0).to_bits();
    let order = match x.is_nan() {
        true => u32::MAX,
        false if bits >> 31 == 1 => !bits,
        false => bits | 1 << 31,
    };
    u64::from(order) << 32 | u64::from(!(place as u32))
}

/// The index that a key stands for.
fn place(key: u64) -> u32 {
    !(key as u32)
}
