//! Drawing tokens, each text by a key of its own.

use mlx_core::random::{self, Key};
use mlx_core::{Array, Dtype, Result as MlxResult, concatenate, keep};

use super::logprobs::logprobs as normalised;
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

    /// The log-probabilities `[batch, vocabulary]` of what [`draw`](Self::draw) draws from log-probabilities
    /// `[batch, vocabulary]`: after the filters and the temperature, normalised. XTC takes its chance from the
    /// generator.
    ///
    /// ```
    /// use mlx_lm::Sampler;
    /// use mlx_lm::mlx_core::Array;
    /// use mlx_lm::sampling::logprobs;
    ///
    /// let scores = Array::from([[2.0, 1.0, 0.0]]);
    /// let mut draws = Sampler::default().temperature(0.5).top_k(2).start(3)?;
    /// let odds = draws.distribution(&logprobs(&scores)?)?.exp()?.to_vec::<f32>()?;
    /// assert!((odds[0] / odds[1] - 2_f32.exp()).abs() < 1e-4 && odds[2] == 0.0);
    /// # Ok::<(), mlx_lm::Error>(())
    /// ```
    pub fn distribution(&mut self, logprobs: &Array) -> MlxResult<Array> {
        let chance = self.chance(logprobs.dim(0)?)?;
        self.distribution_by(logprobs, chance.as_ref())
    }

    /// As [`distribution`](Self::distribution), where `chance` `[batch, 1]` decides over XTC.
    pub(super) fn distribution_by(&self, logprobs: &Array, chance: Option<&Array>) -> MlxResult<Array> {
        if self.is_greedy() {
            let none = Array::full(logprobs.shape(), f32::NEG_INFINITY, Dtype::Float32)?;
            return none.put_along_axis(&logprobs.argmax(keep(-1))?, 0.0, -1);
        }
        let kept = self.chain.filter(logprobs, chance, self.ordinary.as_ref())?;
        normalised(&(kept * (1.0 / self.chain.temperature))?)
    }

    /// Draws from log-weights `[batch, vocabulary]` as they are. Returns ids `[batch]`.
    pub(super) fn draw_from(&mut self, weights: &Array) -> MlxResult<Array> {
        random::categorical(weights, -1, &self.key.next()?)
    }

    /// Numbers in [0, 1) `[rows, 1]`.
    pub(super) fn uniform(&mut self, rows: i32) -> MlxResult<Array> {
        random::uniform([rows, 1], 0.0, 1.0, Dtype::Float32, &self.key.next()?)
    }

    /// The log-probabilities `[batch, vocabulary]` after the filters, not normalised and before the temperature.
    /// XTC takes its chance from the generator.
    pub fn filter(&mut self, logprobs: &Array) -> MlxResult<Array> {
        let chance = self.chance(logprobs.dim(0)?)?;
        self.chain.filter(logprobs, chance.as_ref(), self.ordinary.as_ref())
    }

    /// What decides over XTC, `[rows, 1]` in [0, 1).
    pub(super) fn chance(&mut self, rows: i32) -> MlxResult<Option<Array>> {
        if self.chain.xtc.probability == 0.0 {
            return Ok(None);
        }
        self.uniform(rows).map(Some)
    }

    /// Draws from what the filters left.
    fn pick(&mut self, kept: &Array) -> MlxResult<Array> {
        self.draw_from(&(kept * (1.0 / self.chain.temperature))?)
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
