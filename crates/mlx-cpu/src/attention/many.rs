//! Many rows with some keys, in vectors across rows: keys and values are read along their width, and nothing is turned
//! over but queries and results.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use std::marker::PhantomData;
use std::ops::Range;

use super::exp::{cap, exp};
use super::mask::UNSEEN;
use super::tile;
use super::work::{Job, Part, Work};
use crate::product::{Halves, Singles, Term};
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};

/// Keys at a time: whole tiles for every width of vectors.
const KEYS: usize = 96;

/// Scores of `T`: singles, or pairs of halves as they are, whose products are scaled instead of the queries.
pub(super) struct Many<'a, 'b, T> {
    pub(super) work: &'a Work<'a>,
    pub(super) job: Job,
    pub(super) part: Part<'b>,
    pub(super) term: PhantomData<T>,
}

/// How queries and keys are laid out.
pub(super) trait Layout: Term {
    /// Elements in a lane.
    const EACH: usize;

    /// Writes the query of a row.
    fn write_query<S: Simd>(s: S, work: &Work<'_>, head: [usize; 2], row: usize, to: &mut [f32]);
    /// Writes some keys.
    fn write_keys<S: Simd>(s: S, work: &Work<'_>, head: [usize; 2], keys: Range<usize>, to: &mut [f32]);
}

impl Layout for Singles {
    const EACH: usize = 1;

    #[inline(always)]
    fn write_query<S: Simd>(s: S, work: &Work<'_>, head: [usize; 2], row: usize, to: &mut [f32]) {
        work.write_query(s, head, row, to);
    }

    #[inline(always)]
    fn write_keys<S: Simd>(s: S, work: &Work<'_>, head: [usize; 2], keys: Range<usize>, to: &mut [f32]) {
        work.k.write(s, head, keys, work.width, to);
    }
}

impl Layout for Halves {
    const EACH: usize = 2;

    #[inline(always)]
    fn write_query<S: Simd>(s: S, work: &Work<'_>, head: [usize; 2], row: usize, to: &mut [f32]) {
        let [batch, head, query] = work.query(head, row);
        work.q.write_pairs(s, [batch, head], query, to);
    }

    #[inline(always)]
    fn write_keys<S: Simd>(s: S, work: &Work<'_>, head: [usize; 2], keys: Range<usize>, to: &mut [f32]) {
        for (key, to) in keys.zip(to.chunks_exact_mut(work.width / 2)) {
            work.k.write_pairs(s, head, key, to);
        }
    }
}

/// As many rows as a tile has lanes.
struct Panel<'a> {
    /// `[width, lanes]`, or half of the width in pairs.
    queries: &'a [f32],
    /// `[value_width, lanes]`.
    sums: &'a mut [f32],
    greatest: &'a mut [f32],
    totals: &'a mut [f32],
    rows: Range<usize>,
}

/// Keys `[count, width]`, or half of the width in pairs, and values `[count, padded]`, whose width is a multiple of what a tile has.
struct Block<'a> {
    range: Range<usize>,
    keys: &'a [f32],
    values: &'a [f32],
    padded: usize,
}

impl<T: Layout> Kernel for Many<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let (work, (tile, vectors)) = (self.work, S::TILE);
        let (lanes, padded) = (vectors * S::LANES, work.value_width.next_multiple_of(tile));
        let depth = work.width / T::EACH;
        let size = (depth + padded + 2) * lanes;
        let panels = self.job.rows.len().div_ceil(lanes);
        let mut memory = Scratch::new(panels * size);
        let mut room = Scratch::new(KEYS * (depth + padded + lanes));
        let (keys, rest) = room.split_at_mut(KEYS * depth);
        let (values, scores) = rest.split_at_mut(KEYS * padded);
        for (number, memory) in memory.chunks_exact_mut(size).enumerate() {
            self.begin(s, number * lanes, memory);
        }
        for first in self.job.keys.clone().step_by(KEYS) {
            let range = first..self.job.keys.end.min(first + KEYS);
            T::write_keys(s, work, self.job.head, range.clone(), keys);
            work.v.write(s, self.job.head, range.clone(), padded, values);
            let block = Block { range, keys, values, padded };
            for (number, memory) in memory.chunks_exact_mut(size).enumerate() {
                self.panel::<S>(number * lanes, memory).attend::<S, T>(
                    s,
                    work,
                    self.job.head,
                    &block,
                    scores,
                );
            }
        }
        for (number, memory) in memory.chunks_exact_mut(size).enumerate() {
            self.end::<S>(number * lanes, memory);
        }
    }
}

impl<T: Layout> Many<'_, '_, T> {
    #[inline(always)]
    fn panel<'c, S: Simd>(&self, first: usize, memory: &'c mut [f32]) -> Panel<'c> {
        let lanes = S::TILE.1 * S::LANES;
        let (queries, rest) = memory.split_at_mut(self.work.width / T::EACH * lanes);
        let (sums, rest) = rest.split_at_mut(rest.len() - 2 * lanes);
        let (greatest, totals) = rest.split_at_mut(lanes);
        let first = self.job.rows.start + first;
        let rows = first..self.job.rows.end.min(first + lanes);
        Panel { queries, sums, greatest, totals, rows }
    }

    /// Lays out the queries of a panel.
    #[inline(always)]
    fn begin<S: Simd>(&self, s: S, first: usize, memory: &mut [f32]) {
        let lanes = S::TILE.1 * S::LANES;
        memory.fill(0.0);
        let rows = self.panel::<S>(first, memory).rows;
        let (queries, rest) = memory.split_at_mut(self.work.width / T::EACH * lanes);
        let totals = rest.len() - lanes;
        rest[totals - lanes..totals].fill(f32::NEG_INFINITY);
        let mut query = Scratch::new(self.work.width / T::EACH);
        for (lane, row) in rows.enumerate() {
            T::write_query(s, self.work, self.job.head, row, &mut query);
            for (to, &from) in queries[lane..].iter_mut().step_by(lanes).zip(query.iter()) {
                *to = from;
            }
        }
    }

    /// Hands out the results of a panel.
    #[inline(always)]
    fn end<S: Simd>(&mut self, first: usize, memory: &mut [f32]) {
        let (lanes, width) = (S::TILE.1 * S::LANES, self.work.value_width);
        let panel = self.panel::<S>(first, memory);
        for lane in 0..panel.rows.len() {
            let row = first + lane;
            self.part.greatest[row] = panel.greatest[lane];
            self.part.totals[row] = panel.totals[lane];
            let to = &mut self.part.sums[row * width..(row + 1) * width];
            for (to, &from) in to.iter_mut().zip(panel.sums[lane..].iter().step_by(lanes)) {
                *to = from;
            }
        }
    }
}

impl Panel<'_> {
    #[inline(always)]
    fn attend<S: Simd, T: Layout>(
        mut self,
        s: S,
        work: &Work<'_>,
        head: [usize; 2],
        block: &Block<'_>,
        scores: &mut [f32],
    ) {
        let (tile, vectors) = S::TILE;
        let lanes = vectors * S::LANES;
        let reach = work.reach_of_all(self.rows.clone());
        let clamp = |key: usize| key.clamp(block.range.start, block.range.end) - block.range.start;
        let seen = clamp(reach.start) / tile * tile..clamp(reach.end);
        if seen.is_empty() {
            return;
        }
        for first in seen.clone().step_by(tile) {
            let to = &mut scores[first * lanes..(first + tile) * lanes];
            let depth = work.width / T::EACH;
            tile::products::<S, T>(s, &block.keys[first * depth..], depth, self.queries, to);
        }
        let scores = &mut scores[seen.start * lanes..seen.end * lanes];
        if T::EACH > 1 {
            let scale = s.splat(work.how.scale);
            for score in scores.chunks_exact_mut(S::LANES) {
                s.store(score, s.mul(s.load(score), scale));
            }
        }
        if let Some(softcap) = work.how.softcap {
            cap(s, softcap, scores);
        }
        let keys = block.range.start + seen.start..block.range.start + seen.end;
        for (lane, row) in self.rows.clone().enumerate() {
            work.mask(s, (head, row), keys.clone(), lanes, &mut scores[lane..]);
        }
        let mut factors = [0.0; 32];
        for v in 0..vectors {
            self.weigh(s, v * S::LANES, scores, &mut factors);
        }
        let values = &block.values[seen.start * block.padded..];
        for (number, sums) in self.sums.chunks_exact_mut(tile * lanes).enumerate() {
            tile::add(s, &values[number * tile..], block.padded, scores, &factors, sums);
        }
    }

    /// Makes weights of scores for a vector of rows.
    #[inline(always)]
    fn weigh<S: Simd>(&mut self, s: S, lane: usize, scores: &mut [f32], factors: &mut [f32]) {
        let lanes = S::TILE.1 * S::LANES;
        let before = s.load(&self.greatest[lane..]);
        let mut greatest = before;
        for scores in scores.chunks_exact(lanes) {
            greatest = s.max(s.load(&scores[lane..lane + S::LANES]), greatest);
        }
        let base = s.max(greatest, s.splat(UNSEEN));
        let mut total = s.splat(0.0);
        for scores in scores.chunks_exact_mut(lanes) {
            let scores = &mut scores[lane..lane + S::LANES];
            let weights = exp(s, s.sub(s.load(scores), base));
            total = s.add(total, weights);
            s.store(scores, weights);
        }
        let factor = exp(s, s.sub(before, base));
        s.store(&mut factors[lane..], factor);
        s.store(&mut self.greatest[lane..], greatest);
        let totals = &mut self.totals[lane..];
        s.store(totals, s.mul_add(s.load(totals), factor, total));
    }
}
