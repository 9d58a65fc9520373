//! Which keys a query sees.

#![expect(clippy::indexing_slicing, reason = "the greatest place is checked before the work begins")]

use std::ops::Range;

use super::heads::extent;
use crate::Numbers;
use crate::numbers::{Float, widen, with};
use crate::simd::Simd;

/// The score of a key that is not seen: what MLX takes, so that a query that sees none weighs all alike.
pub(super) const UNSEEN: f32 = f32::MIN;

/// The keys that a query can see by its place, where the last query stands at the last key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All.
    All,
    /// Its own and those before.
    Causal,
    /// So many: its own and those before.
    Window(usize),
}

impl Reach {
    /// The keys within reach of query number `query`.
    pub(super) fn of(self, query: usize, queries: usize, keys: usize) -> Range<usize> {
        let end = (query + 1 + keys).saturating_sub(queries);
        match self {
            Self::All => 0..keys,
            Self::Causal => 0..end,
            Self::Window(length) => (query + 1 + keys).saturating_sub(queries + length).min(end)..end,
        }
    }
}

/// What a mask says of each query and key.
#[derive(Clone, Copy, Debug)]
pub enum Visibility<'a> {
    /// Whether the query sees the key.
    Seen(&'a [bool]),
    /// What is added to the score.
    Added(Numbers<'a>),
}

/// A mask `[batch, heads, queries, keys]`.
#[derive(Clone, Copy, Debug)]
pub struct Mask<'a> {
    /// What it says.
    pub values: Visibility<'a>,
    /// How far apart the values are along each axis; 0 where one stands for all.
    pub strides: [usize; 4],
}

/// Values of a mask that are read at a time.
const PIECE: usize = 64;

impl Mask<'_> {
    /// Whether there are enough values for this shape.
    pub(super) fn fits(&self, shape: [usize; 4]) -> bool {
        let length = match self.values {
            Visibility::Seen(all) => all.len(),
            Visibility::Added(all) => all.len(),
        };
        extent(&shape, &self.strides).is_some_and(|extent| extent <= length)
    }

    /// Masks the scores of a query with keys from `first` on, which are `step` apart.
    #[inline(always)]
    pub(super) fn apply<S: Simd>(
        &self,
        s: S,
        query: [usize; 3],
        first: usize,
        step: usize,
        scores: &mut [f32],
    ) {
        let [a, b, c, stride] = self.strides;
        let place = query[0] * a + query[1] * b + query[2] * c + first * stride;
        let scores = scores.iter_mut().step_by(step);
        match self.values {
            Visibility::Seen(all) => {
                for (key, score) in scores.enumerate() {
                    *score = if all[place + key * stride] { *score } else { UNSEEN };
                }
            }
            Visibility::Added(all) => with!(Numbers, all, |all| add(s, &all[place..], stride, scores)),
        }
    }
}

#[inline(always)]
fn add<'a, S: Simd, T: Float>(
    s: S,
    values: &[T],
    stride: usize,
    scores: impl ExactSizeIterator<Item = &'a mut f32>,
) {
    if stride != 1 {
        for (key, score) in scores.enumerate() {
            *score += values[key * stride].to_f32();
        }
        return;
    }
    let mut piece = [0.0; PIECE];
    let values = &values[..scores.len()];
    for (key, score) in scores.enumerate() {
        if key % PIECE == 0 {
            let values = &values[key..values.len().min(key + PIECE)];
            widen(s, values, &mut piece[..values.len()]);
        }
        *score += piece[key % PIECE];
    }
}
