//! Drawing tokens, each text by a key of its own.

use mlx_core::random::{self, Key};
use mlx_core::{Array, Dtype, Result as MlxResult, concatenate};

use super::sampler::Chain;

/// A sampler with the state of its generator, for one text.
#[derive(Clone, Debug)]
pub struct Draws {
    chain: Chain,
    /// Which tokens XTC may leave out; `None` where that is all.
    ordinary: Option<Array>,
    key: Key,
}

impl Draws {
    pub(super) fn new(chain: Chain, ordinary: Option<Array>, key: Key) -> Self {
        Self { chain, ordinary, key }
    }

    /// Whether this is always the most likely token, by any scores.
    pub(super) fn is_greedy(&self) -> bool {
        self.chain.temperature == 0.0
    }

    /// Whether the other chooses in the same way, but for its generator.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.chain == other.chain
    }

    /// Chooses from log-probabilities `[batch, vocabulary]`. Returns ids `[batch]`, not yet computed.
    ///
    /// All rows are of this text; for those of several texts there is [`draw_batch`].
    pub fn draw(&mut self, logprobs: &Array) -> MlxResult<Array> {
        if self.is_greedy() {
            return logprobs.argmax(-1);
        }
        let kept = self.filter(logprobs)?;
        self.pick(&kept)
    }

    /// The log-probabilities `[batch, vocabulary]` after the filters, not normalised and before the temperature.
    /// XTC takes its chance from the generator.
    pub fn filter(&mut self, logprobs: &Array) -> MlxResult<Array> {
        let chance = self.chance(logprobs.dim(0)?)?;
        self.chain.filter(logprobs, chance.as_ref(), self.ordinary.as_ref())
    }

    /// What decides over XTC, `[rows, 1]` in [0, 1).
    fn chance(&mut self, rows: i32) -> MlxResult<Option<Array>> {
        if self.chain.xtc.probability == 0.0 {
            return Ok(None);
        }
        random::uniform([rows, 1], 0.0, 1.0, Dtype::Float32, &self.key.next()?).map(Some)
    }

    /// Draws from what the filters left.
    fn pick(&mut self, kept: &Array) -> MlxResult<Array> {
        random::categorical(&(kept * (1.0 / self.chain.temperature))?, -1, &self.key.next()?)
    }
}

/// Chooses for several texts at once: row `n` of log-probabilities `[batch, vocabulary]` by `rows[n]`, as that would
/// alone. Returns ids `[batch]`, not yet computed.
///
/// Neighbours whose samplers differ in nothing but the seed are filtered together.
pub fn draw_batch(rows: &mut [Draws], logprobs: &Array) -> MlxResult<Array> {
    let mut tokens = Vec::new();
    let mut start = 0;
    for alike in rows.chunk_by_mut(|a, b| a.is_like(b)) {
        let end = start + i32::try_from(alike.len()).unwrap_or(i32::MAX);
        tokens.push(draw_alike(alike, &logprobs.index(start..end)?)?);
        start = end;
    }
    concatenate(&tokens, 0)
}

/// Chooses for rows whose samplers differ in their keys alone.
fn draw_alike(rows: &mut [Draws], logprobs: &Array) -> MlxResult<Array> {
    let Some(first) = rows.first().filter(|draws| !draws.is_greedy()).cloned() else {
        return logprobs.argmax(-1);
    };
    let chances: Option<Vec<_>> = rows.iter_mut().map(|draws| draws.chance(1)).collect::<MlxResult<_>>()?;
    let chance = chances.map(|chances| concatenate(&chances, 0)).transpose()?;
    let kept = first.chain.filter(logprobs, chance.as_ref(), first.ordinary.as_ref())?;
    let pick = |(row, draws): (i32, &mut Draws)| draws.pick(&kept.index(row..row + 1)?);
    let tokens = (0..).zip(rows).map(pick).collect::<MlxResult<Vec<_>>>()?;
    concatenate(&tokens, 0)
}
