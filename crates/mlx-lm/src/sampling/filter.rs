//! What may be drawn: each filter takes log-probabilities `[batch, vocabulary]` and makes some minus infinity.

use std::fmt;
use std::sync::Arc;

use mlx_core::{Array, Result as MlxResult, Scan, keep, select};

use super::same_shape;

/// Leaving out the most likely tokens ("exclude top choices"), of which the least likely one stays.
///
/// As in mlx-lm, after the text-generation-webui extension by p-e-w.
#[derive(Clone, Debug, PartialEq)]
pub struct Xtc {
    /// How often that happens; 0 means never.
    pub probability: f64,
    /// Tokens more likely than this are most likely ones; at most 0.5.
    pub threshold: f64,
    /// Tokens that are never left out, such as line breaks and ends of text.
    pub special_tokens: Vec<u32>,
}

impl Default for Xtc {
    fn default() -> Self {
        Self { probability: 0.0, threshold: 0.1, special_tokens: Vec::new() }
    }
}

impl Xtc {
    /// Which tokens `[vocabulary]` may be left out; `None` where all may.
    pub(super) fn ordinary(&self, vocab_size: usize) -> MlxResult<Option<Array>> {
        if self.probability == 0.0 || self.special_tokens.is_empty() {
            return Ok(None);
        }
        let mut ordinary = vec![true; vocab_size];
        for &token in &self.special_tokens {
            if let Some(place) = ordinary.get_mut(token as usize) {
                *place = false;
            }
        }
        let length = i32::try_from(vocab_size).unwrap_or(i32::MAX);
        Array::from_slice(&ordinary, [length]).map(Some)
    }
}

type FilterFn = dyn Fn(&Array) -> MlxResult<Array> + Send + Sync;

/// A filter of a program's own; equal to its clones alone.
#[derive(Clone)]
pub struct Filter(Arc<FilterFn>);

impl Filter {
    /// The filter that `filter` computes.
    pub fn new(filter: impl Fn(&Array) -> MlxResult<Array> + Send + Sync + 'static) -> Self {
        Self(Arc::new(filter))
    }

    /// Applies it to log-probabilities `[batch, vocabulary]`.
    ///
    /// # Errors
    /// It fails, or what it gives is not of that shape.
    pub fn apply(&self, logprobs: &Array) -> MlxResult<Array> {
        same_shape("filter", logprobs, (self.0)(logprobs)?)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter")
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Keeps the most likely tokens until they have `mass` together; equally likely ones stay together.
pub(super) fn top_p(logprobs: &Array, mass: f64) -> MlxResult<Array> {
    let ascending = logprobs.sort(-1)?;
    let probabilities = ascending.exp()?;
    let above = probabilities.cumsum(Scan { axis: -1, reverse: true, inclusive: false })?;
    let total = (above.index((.., ..1))? + probabilities.index((.., ..1)))?;
    let dropped = above.greater_equal(total * mass)?.sum(keep(-1))?;
    keep_from(logprobs, &ascending.take_along_axis(&dropped, -1)?)
}

/// Keeps tokens at least `fraction` as likely as the most likely one, and at least `count` tokens.
pub(super) fn min_p(logprobs: &Array, fraction: f64, count: usize) -> MlxResult<Array> {
    let least = (logprobs.max(keep(-1))? + fraction.ln())?;
    let mut kept = logprobs.greater_equal(least)?;
    if count > 1 {
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        let best = logprobs.argpartition(-count, -1)?.index((.., -count..))?;
        kept = kept.put_along_axis(&best, true, -1)?;
    }
    select(&kept, logprobs, f32::NEG_INFINITY)
}

/// Leaves out all tokens more likely than the least likely one above the threshold, in rows `[batch, 1]` whose
/// `chance` is not above the probability. `ordinary` `[vocabulary]` are the tokens that this may befall.
pub(super) fn xtc(logprobs: &Array, xtc: &Xtc, chance: &Array, ordinary: Option<&Array>) -> MlxResult<Array> {
    let probabilities = logprobs.softmax(-1)?;
    let likely = select(&probabilities.greater(xtc.threshold)?, &probabilities, f32::INFINITY)?;
    let mut left_out = probabilities.greater(likely.min(keep(-1))?)?;
    if let Some(ordinary) = ordinary {
        left_out = left_out.logical_and(ordinary)?;
    }
    let left_out = left_out.logical_and(chance.less_equal(xtc.probability)?)?;
    select(&left_out.logical_not()?, logprobs, f32::NEG_INFINITY)
}

/// Keeps the `count` most likely tokens; which of equally likely ones stay is not defined.
pub(super) fn top_k(logprobs: &Array, count: usize) -> MlxResult<Array> {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let rest = (-logprobs)?.argpartition(count - 1, -1)?.index((.., count..))?;
    logprobs.put_along_axis(&rest, f32::NEG_INFINITY, -1)
}

/// Keeps what is at least `least` `[batch, 1]`; the rest becomes impossible.
fn keep_from(logprobs: &Array, least: &Array) -> MlxResult<Array> {
    select(&logprobs.greater_equal(least)?, logprobs, f32::NEG_INFINITY)
}
