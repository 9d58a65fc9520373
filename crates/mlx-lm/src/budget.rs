//! What a model needs, seen without computing anything.
//!
//! The decoder itself is run on lazy arrays. Their shapes tell what it keeps, whatever its architecture.

use mlx_core::{Array, Device, Dtype};
use mlx_memory::{Budget, Bytes, Prefill};
use serde::Deserialize;

use crate::cache::STEP;
use crate::{Config, Error, Model, Result};

/// Without a length, a budget is for the whole context up to this.
const LENGTH: usize = 4096;

/// How a model will be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetOptions {
    /// The tokens of a prompt and its answer. Without it that is the model's context, and 4,096 at most.
    pub length: Option<usize>,
    /// Texts that run together.
    pub batch: usize,
    /// Prompt tokens that are run together.
    pub prefill_step: usize,
}

impl Default for BudgetOptions {
    fn default() -> Self {
        Self { length: None, batch: 1, prefill_step: 2048 }
    }
}

/// The widths of a config that shapes of weights and caches do not tell.
#[derive(Deserialize)]
struct Widths {
    hidden_size: Option<u64>,
    altup_num_inputs: Option<u64>,
    num_hidden_layers: Option<u64>,
    num_attention_heads: Option<u64>,
    head_dim: Option<u64>,
    intermediate_size: Option<u64>,
    moe_intermediate_size: Option<u64>,
    #[serde(alias = "top_k_experts")]
    num_experts_per_tok: Option<u64>,
}

impl Widths {
    /// What layers hand on for each token, of which `embedded` is there at first.
    fn hidden(&self, embedded: u64) -> u64 {
        let streams = self.altup_num_inputs.unwrap_or(1).max(1);
        embedded.saturating_add(self.hidden_size.unwrap_or_default().saturating_mul(streams - 1))
    }

    /// What one token passes within an MLP: a dense one, or all experts that see it.
    fn inner(&self, hidden: u64) -> u64 {
        let dense = self.intermediate_size.unwrap_or(hidden.saturating_mul(4));
        let experts = self.num_experts_per_tok.unwrap_or(1).max(1);
        let expert = self.moe_intermediate_size.unwrap_or(dense);
        dense.max(expert.saturating_mul(experts))
    }
}

/// The budget of a model whose arrays need not be computed.
pub(crate) fn of(model: &Model, config: &Config, options: &BudgetOptions) -> Result<Budget> {
    let length = options.length.unwrap_or_else(|| model.context().unwrap_or(LENGTH).min(LENGTH)).max(1);
    let run = Run {
        batch: size("batch", options.batch)?,
        length: size("length", length)?,
        chunk: size("prefill_step", options.prefill_step)?,
    };
    let widths: Widths = config.peek()?;
    let trace = run.trace(model)?;
    let heads = widths.num_attention_heads.unwrap_or(1);
    let prefill = Prefill {
        chunk: run.chunk.min(run.length).unsigned_abs().into(),
        length: run.length.unsigned_abs().into(),
        batch: run.batch.unsigned_abs().into(),
        hidden: widths.hidden(trace.hidden),
        inner: widths.inner(trace.hidden),
        layers: widths.num_hidden_layers.unwrap_or(trace.layers),
        heads,
        head_width: widths.head_dim.unwrap_or_else(|| trace.hidden.checked_div(heads).unwrap_or_default()),
        vocabulary: model.vocab_size() as u64,
        dtype: trace.dtype,
        device: Device::current(),
    };
    let weights = Bytes::from(model.decoder().nbytes());
    Ok(Budget::new().weights(weights).kv_cache(trace.cache).prefill(&prefill))
}

/// A number of tokens or texts that MLX can count.
fn size(option: &'static str, value: usize) -> Result<i32> {
    let range = "it must be between 1 and 2147483647";
    let size = i32::try_from(value).ok().filter(|&size| size > 0);
    size.ok_or_else(|| Error::Option { option, value: value as f64, range: range.to_owned() })
}

/// How the decoder is run.
struct Run {
    batch: i32,
    length: i32,
    chunk: i32,
}

/// What a run shows.
struct Trace {
    cache: Bytes,
    layers: u64,
    hidden: u64,
    dtype: Dtype,
}

impl Run {
    /// Runs the decoder lazily up to the last chunk, then that chunk.
    fn trace(&self, model: &Model) -> Result<Trace> {
        let (decoder, mut cache) = (model.decoder(), model.cache());
        let last = self.chunk.min(self.length);
        let (mut hidden, mut dtype) = (0, Dtype::Float32);
        for length in [self.length - last, last].into_iter().filter(|&length| length > 0) {
            let states = decoder.embed(&Array::zeros([self.batch, length], Dtype::Uint32)?)?;
            (hidden, dtype) = (u64::from(states.dim(-1)?.unsigned_abs()), states.dtype());
            decoder.decode(states, &mut cache)?;
        }
        let layers = cache.layers().count() as u64;
        let sizes = || cache.arrays().map(|array| Bytes::from(array.nbytes()));
        // The old keys and values of a layer are still there while it grows.
        let growing = if self.length > STEP { sizes().max().unwrap_or_default() * 2 } else { Bytes::ZERO };
        Ok(Trace { cache: sizes().sum::<Bytes>() + growing, layers, hidden, dtype })
    }
}
