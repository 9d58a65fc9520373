//! What jobs for parts of the keys left, put together.

use super::exp::exp;
use super::mask::UNSEEN;
use super::work::{Plan, Work};
use crate::numbers::{Element, Float, narrow, with};
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};

/// Some rows of the result, from number `first` on.
pub(super) struct Combine<'a, 'b, U> {
    pub(super) parts: Parts<'a>,
    pub(super) first: usize,
    pub(super) out: &'b mut [U],
}

/// What all jobs left.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) work: &'a Work<'a>,
    pub(super) plan: &'a Plan<'a>,
    pub(super) memory: &'a [f32],
}

impl<U: Float> Kernel for Combine<'_, '_, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let work = self.parts.work;
        let mut row = Scratch::new(work.value_width);
        for (at, out) in self.out.chunks_exact_mut(work.value_width).enumerate() {
            self.parts.combine(s, work.result(self.first + at), &mut row);
            narrow(s, &row, out);
        }
    }
}

impl Parts<'_> {
    #[inline(always)]
    fn combine<S: Simd>(&self, s: S, [batch, head, query]: [usize; 3], to: &mut [f32]) {
        let group = self.work.group();
        let (kv_head, row) = ([batch, head / group], query * group + head % group);
        let sink = self.sink(head);
        let parts = self.plan.parts(self.memory, kv_head, row);
        let mut greatest = sink;
        for (_, score, _) in parts.clone() {
            greatest = greatest.max(score);
        }
        let reach = self.work.reach(row);
        if greatest == UNSEEN || (reach.is_empty() && greatest == f32::NEG_INFINITY) {
            return self.mean(s, kv_head, to);
        }
        let base = greatest.max(UNSEEN);
        let mut total = weight(s, sink - base);
        to.fill(0.0);
        for (sums, score, weights) in parts {
            let factor = weight(s, score - base);
            total += factor * weights;
            for (to, sums) in to.chunks_mut(S::LANES).zip(sums.chunks(S::LANES)) {
                s.store(to, s.mul_add(s.load(sums), s.splat(factor), s.load(to)));
            }
        }
        let total = s.splat(total);
        for to in to.chunks_mut(S::LANES) {
            s.store(to, s.div(s.load(to), total));
        }
    }

    fn sink(&self, head: usize) -> f32 {
        let Some(sinks) = self.work.how.sinks else { return f32::NEG_INFINITY };
        with!(Numbers, sinks, |all| all.get(head).map_or(f32::NEG_INFINITY, |sink| sink.to_f32()))
    }

    /// What a query gets that sees no key.
    #[inline(always)]
    fn mean<S: Simd>(&self, s: S, head: [usize; 2], to: &mut [f32]) {
        let mut value = Scratch::new(to.len());
        to.fill(0.0);
        for key in 0..self.work.keys {
            self.work.v.write(s, head, key..key + 1, to.len(), &mut value);
            for (to, value) in to.chunks_mut(S::LANES).zip(value.chunks(S::LANES)) {
                s.store(to, s.add(s.load(to), s.load(value)));
            }
        }
        let count = s.splat(self.work.keys as f32);
        for to in to.chunks_mut(S::LANES) {
            s.store(to, s.div(s.load(to), count));
        }
    }
}

#[inline(always)]
fn weight<S: Simd>(s: S, score: f32) -> f32 {
    s.greatest(exp(s, s.splat(score)))
}
