//! What there is to do, and how it is divided.

use std::marker::PhantomData;
use std::ops::Range;

use super::Attention;
use super::combine::{Combine, Parts};
use super::few::Few;
use super::heads::Heads;
use super::many::Many;
use super::mask::UNSEEN;
use crate::numbers::Float;
use crate::product::{Halves, Singles};
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};
use crate::{Level, pool, simd};

/// Up to so many rows are multiplied with vectors along the width.
const FEW: usize = 8;

/// Rows of a job where there are many: whole panels for every width of vectors.
const BLOCK: usize = 96;

/// Multiplications that are worth another job.
const WORTH: usize = 1 << 16;

/// Attention whose sizes fit.
pub(super) struct Work<'a> {
    pub(super) q: &'a Heads<'a>,
    pub(super) k: &'a Heads<'a>,
    pub(super) v: &'a Heads<'a>,
    pub(super) how: &'a Attention<'a>,
    pub(super) batch: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) queries: usize,
    pub(super) keys: usize,
    pub(super) width: usize,
    pub(super) value_width: usize,
}

impl<'a> Work<'a> {
    /// Returns none if the sizes do not fit.
    pub(super) fn new(
        q: &'a Heads<'a>,
        k: &'a Heads<'a>,
        v: &'a Heads<'a>,
        how: &'a Attention<'a>,
    ) -> Option<Self> {
        let [batch, heads, queries, width] = q.shape();
        let [_, kv_heads, keys, value_width] = v.shape();
        let fits = k.shape() == [batch, kv_heads, keys, width]
            && v.shape() == [batch, kv_heads, keys, value_width]
            && heads.checked_rem(kv_heads) == Some(0)
            && how.mask.is_none_or(|mask| mask.fits([batch, heads, queries, keys]))
            && how.sinks.is_none_or(|sinks| sinks.len() == heads);
        fits.then_some(Self { q, k, v, how, batch, heads, kv_heads, queries, keys, width, value_width })
    }

    /// How many numbers come out.
    pub(super) fn results(&self) -> usize {
        self.batch * self.heads * self.queries * self.value_width
    }

    /// Heads that share one of keys.
    pub(super) fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// The batch, head and query of a row.
    pub(super) fn query(&self, [batch, kv_head]: [usize; 2], row: usize) -> [usize; 3] {
        let group = self.group();
        [batch, kv_head * group + row % group, row / group]
    }

    /// The batch, head and query of a row of the result.
    pub(super) fn result(&self, place: usize) -> [usize; 3] {
        if self.how.joined {
            let (head, query) = (place % self.heads, place / self.heads);
            [query / self.queries, head, query % self.queries]
        } else {
            let (query, head) = (place % self.queries, place / self.queries);
            [head / self.heads, head % self.heads, query]
        }
    }

    /// The keys within reach of a row.
    pub(super) fn reach(&self, row: usize) -> Range<usize> {
        self.how.reach.of(row / self.group(), self.queries, self.keys)
    }

    /// The keys within reach of any of some rows.
    pub(super) fn reach_of_all(&self, rows: Range<usize>) -> Range<usize> {
        self.reach(rows.start).start..self.reach(rows.end - 1).end
    }

    /// Writes the scaled query of a row.
    #[inline(always)]
    pub(super) fn write_query<S: Simd>(&self, s: S, head: [usize; 2], row: usize, to: &mut [f32]) {
        let [batch, head, query] = self.query(head, row);
        self.q.write(s, [batch, head], query..query + 1, self.width, to);
        let scale = s.splat(self.how.scale);
        for part in to.chunks_mut(S::LANES) {
            s.store(part, s.mul(s.load(part), scale));
        }
    }

    /// Masks the scores of a row with some keys, which are `step` apart.
    #[inline(always)]
    pub(super) fn mask<S: Simd>(
        &self,
        s: S,
        (head, row): ([usize; 2], usize),
        keys: Range<usize>,
        step: usize,
        scores: &mut [f32],
    ) {
        if let Some(mask) = &self.how.mask {
            mask.apply(s, self.query(head, row), keys.start, step, scores);
        }
        let reach = self.reach(row);
        let before = reach.start.clamp(keys.start, keys.end) - keys.start;
        let behind = reach.end.clamp(keys.start, keys.end) - keys.start;
        for score in scores.iter_mut().step_by(step).take(before) {
            *score = UNSEEN;
        }
        for score in scores.iter_mut().step_by(step).skip(behind) {
            *score = UNSEEN;
        }
    }
}

/// Does it.
pub(super) fn attend<U: Float>(level: Level, work: &Work<'_>, out: &mut [U]) {
    if out.is_empty() || work.keys == 0 {
        out.fill(U::from_f32(0.0));
        return;
    }
    simd::dispatch(level, Attend { work, out });
}

struct Attend<'a, U> {
    work: &'a Work<'a>,
    out: &'a mut [U],
}

impl<U: Float> Kernel for Attend<'_, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (work, plan) = (self.work, &Plan::new(self.work));
        let paired = S::DOTS && work.q.is_paired() && work.k.is_paired();
        let mut memory = Scratch::new(plan.jobs() * plan.room());
        let grain = if plan.cost < 4 * WORTH { plan.jobs() } else { 1 };
        pool::each_part(&mut memory, plan.room(), grain, |number, memory| {
            let (job, part) = (plan.job(number), Part::new(plan, memory));
            if plan.few {
                s.enter(Few { work, job, part });
            } else if paired {
                s.enter(Many::<Halves> { work, job, part, term: PhantomData });
            } else {
                s.enter(Many::<Singles> { work, job, part, term: PhantomData });
            }
        });
        let parts = Parts { work, plan, memory: &memory };
        let grain = (1 << 14) / work.value_width;
        pool::each_part(self.out, work.value_width * 16, grain.div_ceil(16), |number, out| {
            s.enter(Combine { parts, first: number * 16, out });
        });
    }
}

/// How the work is divided into jobs.
pub(super) struct Plan<'a> {
    work: &'a Work<'a>,
    few: bool,
    /// Rows of a job.
    rows: usize,
    /// Jobs that the rows of a head make.
    blocks: usize,
    /// Jobs that their keys make.
    pub(super) splits: usize,
    /// Multiplications in all.
    cost: usize,
}

/// Some rows with some keys.
pub(super) struct Job {
    pub(super) head: [usize; 2],
    pub(super) rows: Range<usize>,
    pub(super) keys: Range<usize>,
}

impl<'a> Plan<'a> {
    fn new(work: &'a Work<'a>) -> Self {
        let all = work.queries * work.group();
        let few = all <= FEW;
        let rows = all.min(BLOCK);
        let blocks = all.div_ceil(rows);
        let jobs = work.batch * work.kv_heads * blocks;
        let keys = work.reach_of_all(0..all).len();
        let cost = rows * keys * (work.width + work.value_width);
        let wanted = if jobs >= 4 * pool::threads() { 1 } else { (4 * pool::threads()).div_ceil(jobs) };
        let splits = wanted.min(cost / WORTH).max(1);
        Self { work, few, rows, blocks, splits, cost: cost * jobs }
    }

    fn jobs(&self) -> usize {
        self.work.batch * self.work.kv_heads * self.blocks * self.splits
    }

    /// Floats that a job leaves.
    fn room(&self) -> usize {
        self.rows * (self.work.value_width + 2)
    }

    /// The first of the jobs for a row of a head of keys, and the place of the row in it.
    fn place(&self, [batch, kv_head]: [usize; 2], row: usize) -> (usize, usize) {
        // The last rows, which see most, come first.
        let block = self.blocks - 1 - row / self.rows;
        let number = (batch * self.work.kv_heads + kv_head) * self.blocks + block;
        (number * self.splits, row % self.rows)
    }

    fn job(&self, number: usize) -> Job {
        let (number, split) = (number / self.splits, number % self.splits);
        let (head, block) = (number / self.blocks, self.blocks - 1 - number % self.blocks);
        let first = block * self.rows;
        let rows = first..(first + self.rows).min(self.work.queries * self.work.group());
        let reach = self.work.reach_of_all(rows.clone());
        let length = reach.len().div_ceil(self.splits);
        let start = (reach.start + split * length).min(reach.end);
        let keys = start..(start + length).min(reach.end);
        Job { head: [head / self.work.kv_heads, head % self.work.kv_heads], rows, keys }
    }

    /// What the jobs for a row left: each the sum of weighted values, the greatest score and the sum of weights.
    #[inline(always)]
    pub(super) fn parts<'b>(
        &self,
        memory: &'b [f32],
        head: [usize; 2],
        row: usize,
    ) -> impl Iterator<Item = (&'b [f32], f32, f32)> + Clone {
        let (width, rows) = (self.work.value_width, self.rows);
        let (job, row) = self.place(head, row);
        let parts = memory.chunks_exact(self.room()).skip(job).take(self.splits);
        parts.filter_map(move |part| {
            let (sums, rest) = part.split_at(rows * width);
            let (greatest, totals) = rest.split_at(rows);
            Some((sums.chunks_exact(width).nth(row)?, *greatest.get(row)?, *totals.get(row)?))
        })
    }
}

/// What a job leaves for its rows.
pub(super) struct Part<'a> {
    /// Sums of weighted values.
    pub(super) sums: &'a mut [f32],
    /// The greatest scores.
    pub(super) greatest: &'a mut [f32],
    /// Sums of weights.
    pub(super) totals: &'a mut [f32],
}

impl<'a> Part<'a> {
    fn new(plan: &Plan<'_>, memory: &'a mut [f32]) -> Self {
        let (sums, rest) = memory.split_at_mut(plan.rows * plan.work.value_width);
        let (greatest, totals) = rest.split_at_mut(plan.rows);
        Self { sums, greatest, totals }
    }
}
