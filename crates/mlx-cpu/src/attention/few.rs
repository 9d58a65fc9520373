//! A few rows with some keys, in vectors along the width: keys and values are read once, as they are stored.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use std::array;

use super::exp::{cap, exp};
use super::mask::UNSEEN;
use super::work::{Job, Part, Work};
use crate::numbers::{Float, with};
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};

/// Keys at a time.
const KEYS: usize = 64;

/// Keys whose products with a row are summed up together.
const TOGETHER: usize = 4;

pub(super) struct Few<'a, 'b> {
    pub(super) work: &'a Work<'a>,
    pub(super) job: Job,
    pub(super) part: Part<'b>,
}

/// Vectors of one block, and how far apart they are.
struct Block<'a, T> {
    elements: &'a [T],
    stride: usize,
    count: usize,
    width: usize,
}

impl Kernel for Few<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let (work, head) = (self.work, self.job.head);
        let (rows, padded) = (self.job.rows.len(), work.width.next_multiple_of(S::LANES));
        let mut memory = Scratch::new(rows * (padded + KEYS) + work.k.room(KEYS) + work.v.room(KEYS));
        let (queries, rest) = memory.split_at_mut(rows * padded);
        let (scores, rest) = rest.split_at_mut(rows * KEYS);
        let (k_room, v_room) = rest.split_at_mut(work.k.room(KEYS));
        queries.fill(0.0);
        for (row, to) in self.job.rows.clone().zip(queries.chunks_exact_mut(padded)) {
            work.write_query(s, head, row, &mut to[..work.width]);
        }
        self.part.sums.fill(0.0);
        self.part.totals.fill(0.0);
        self.part.greatest.fill(f32::NEG_INFINITY);
        for first in self.job.keys.clone().step_by(KEYS) {
            let keys = first..self.job.keys.end.min(first + KEYS);
            let count = keys.len();
            let (k, stride) = work.k.block(s, head, keys.clone(), &mut k_room[..work.k.room(count)]);
            with!(Numbers, k, |elements| {
                products(s, queries, &Block { elements, stride, count, width: work.width }, scores);
            });
            self.weigh(s, first, count, scores);
            let (v, stride) = work.v.block(s, head, keys, &mut v_room[..work.v.room(count)]);
            with!(Numbers, v, |elements| {
                let block = Block { elements, stride, count, width: work.value_width };
                add(s, &block, scores, self.part.sums);
            });
        }
    }
}

impl Few<'_, '_> {
    /// Makes weights of scores, and scales what was summed up before.
    #[inline(always)]
    fn weigh<S: Simd>(&mut self, s: S, first: usize, count: usize, scores: &mut [f32]) {
        let width = self.work.value_width;
        for (at, scores) in scores.chunks_exact_mut(KEYS).enumerate() {
            let (seen, rest) = scores.split_at_mut(count);
            if let Some(softcap) = self.work.how.softcap {
                cap(s, softcap, seen);
            }
            let row = (self.job.head, self.job.rows.start + at);
            self.work.mask(s, row, first..first + count, 1, seen);
            rest.fill(f32::NEG_INFINITY);
            let mut greatest = s.splat(self.part.greatest[at]);
            for scores in scores[..count.next_multiple_of(S::LANES)].chunks_exact(S::LANES) {
                greatest = s.max(s.load(scores), greatest);
            }
            let greatest = s.greatest(greatest);
            let base = s.splat(greatest.max(UNSEEN));
            let mut total = s.splat(0.0);
            for scores in scores[..count.next_multiple_of(S::LANES)].chunks_exact_mut(S::LANES) {
                let weights = exp(s, s.sub(s.load(scores), base));
                total = s.add(total, weights);
                s.store(scores, weights);
            }
            let factor = exp(s, s.sub(s.splat(self.part.greatest[at]), base));
            self.part.greatest[at] = greatest;
            self.part.totals[at] = self.part.totals[at] * s.greatest(factor) + s.sum(total);
            for sums in self.part.sums[at * width..(at + 1) * width].chunks_mut(S::LANES) {
                s.store(sums, s.mul(s.load(sums), factor));
            }
        }
    }
}

/// Scores of all rows with the keys of a block.
#[inline(always)]
fn products<S: Simd, T: Float>(s: S, queries: &[f32], keys: &Block<'_, T>, scores: &mut [f32]) {
    let padded = keys.width.next_multiple_of(S::LANES);
    let parts = queries.chunks(3 * padded).zip(scores.chunks_mut(3 * KEYS));
    for (queries, scores) in parts {
        match queries.len() / padded {
            1 => products_sized::<S, T, 1>(s, queries, keys, scores),
            2 => products_sized::<S, T, 2>(s, queries, keys, scores),
            _ => products_sized::<S, T, 3>(s, queries, keys, scores),
        }
    }
}

#[inline(always)]
fn products_sized<S: Simd, T: Float, const N: usize>(
    s: S,
    queries: &[f32],
    keys: &Block<'_, T>,
    scores: &mut [f32],
) {
    let padded = keys.width.next_multiple_of(S::LANES);
    let whole = keys.width / S::LANES * S::LANES;
    let queries: [&[f32]; N] = array::from_fn(
        #[inline(always)]
        |n| &queries[n * padded..(n + 1) * padded],
    );
    for first in (0..keys.count).step_by(TOGETHER) {
        // Past the end the last one is taken again.
        let keys: [&[T]; TOGETHER] = array::from_fn(
            #[inline(always)]
            |key| &keys.elements[(first + key).min(keys.count - 1) * keys.stride..][..keys.width],
        );
        let mut sums = [[s.splat(0.0); TOGETHER]; N];
        for at in (0..whole).step_by(S::LANES) {
            for key in 0..TOGETHER {
                let element = T::load(s, &keys[key][at..at + S::LANES]);
                for n in 0..N {
                    let query = s.load(&queries[n][at..at + S::LANES]);
                    sums[n][key] = s.mul_add(query, element, sums[n][key]);
                }
            }
        }
        if whole < padded {
            for key in 0..TOGETHER {
                let element = T::load(s, &keys[key][whole..]);
                for n in 0..N {
                    sums[n][key] = s.mul_add(s.load(&queries[n][whole..]), element, sums[n][key]);
                }
            }
        }
        for n in 0..N {
            scores[n * KEYS + first..][..TOGETHER].copy_from_slice(&s.sums(sums[n]));
        }
    }
}

/// Adds the values of a block, weighted for each row.
#[inline(always)]
fn add<S: Simd, T: Float>(s: S, values: &Block<'_, T>, weights: &[f32], sums: &mut [f32]) {
    let parts = weights.chunks(3 * KEYS).zip(sums.chunks_mut(3 * values.width));
    for (weights, sums) in parts {
        match weights.len() / KEYS {
            1 => add_sized::<S, T, 1>(s, values, weights, sums),
            2 => add_sized::<S, T, 2>(s, values, weights, sums),
            _ => add_sized::<S, T, 3>(s, values, weights, sums),
        }
    }
}

#[inline(always)]
fn add_sized<S: Simd, T: Float, const N: usize>(
    s: S,
    values: &Block<'_, T>,
    weights: &[f32],
    sums: &mut [f32],
) {
    let mut first = 0;
    while first + 4 * S::LANES <= values.width {
        add_columns::<S, T, N, 4>(s, values, first, weights, sums);
        first += 4 * S::LANES;
    }
    while first < values.width {
        add_columns::<S, T, N, 1>(s, values, first, weights, sums);
        first += S::LANES;
    }
}

/// The same for some vectors of columns.
#[inline(always)]
fn add_columns<S: Simd, T: Float, const N: usize, const VECTORS: usize>(
    s: S,
    values: &Block<'_, T>,
    first: usize,
    weights: &[f32],
    sums: &mut [f32],
) {
    let length = if VECTORS > 1 { VECTORS * S::LANES } else { S::LANES.min(values.width - first) };
    let part = |v: usize| v * S::LANES..length.min((v + 1) * S::LANES);
    let mut tile = [[s.splat(0.0); VECTORS]; N];
    for n in 0..N {
        let sums = &sums[n * values.width + first..][..length];
        for v in 0..VECTORS {
            tile[n][v] = s.load(&sums[part(v)]);
        }
    }
    let weights: [&[f32]; N] = array::from_fn(
        #[inline(always)]
        |n| &weights[n * KEYS..][..values.count],
    );
    for key in 0..values.count {
        let value = &values.elements[key * values.stride + first..][..length];
        let weights: [S::F; N] = array::from_fn(
            #[inline(always)]
            |n| s.splat(weights[n][key]),
        );
        for v in 0..VECTORS {
            let value = T::load(s, &value[part(v)]);
            for n in 0..N {
                tile[n][v] = s.mul_add(weights[n], value, tile[n][v]);
            }
        }
    }
    for n in 0..N {
        let sums = &mut sums[n * values.width + first..][..length];
        for v in 0..VECTORS {
            s.store(&mut sums[part(v)], tile[n][v]);
        }
    }
}
