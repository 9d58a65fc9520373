//! What a model needs, seen without computing anything.
//!
//! The decoder itself is run on lazy arrays. Their shapes tell what it keeps, whatever its architecture.

use mlx_core::{Array, Device, Dtype};
use mlx_memory::{Budget, Bytes, Prefill};
use serde::Deserialize;

use crate::cache::{CacheOptions, KvCache, STEP};
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
    /// How much of the texts is remembered, and how.
    pub cache: CacheOptions,
}

impl BudgetOptions {
    /// The tokens that the last of a chunk sees at most in a text of this length.
    fn seen(&self, length: i32, chunk: i32) -> i32 {
        self.cache.max_kv_size.map_or(length, |size| length.min(size.saturating_add(chunk)))
    }

    /// Whether keys and values are quantized in a text of this length.
    fn quantizes(&self, length: i32) -> bool {
        self.cache.kv_bits.is_some() && length > self.cache.quantized_kv_start
    }
}

impl Default for BudgetOptions {
    fn default() -> Self {
        Self {
            length: None,
            batch: 1,
            prefill_step: crate::generate::prefill_step(),
            cache: CacheOptions::default(),
        }
    }
}

/// The widths of a config that shapes of weights and caches do not tell.
#[derive(Deserialize)]
struct Widths {
    hidden_size: Option<u64>,
    altup_num_inputs: Option<u64>,
    num_hidden_layers: Option<u64>,
    num_attention_heads: Option<u64>,
    attn_logit_softcapping: Option<f32>,
    head_dim: Option<u64>,
    global_head_dim: Option<u64>,
    intermediate_size: Option<u64>,
    moe_intermediate_size: Option<u64>,
    #[serde(alias = "top_k_experts")]
    num_experts_per_tok: Option<u64>,
    linear_num_key_heads: Option<u64>,
    linear_num_value_heads: Option<u64>,
    linear_key_head_dim: Option<u64>,
    linear_value_head_dim: Option<u64>,
}

impl Widths {
    /// What layers hand on for each token, of which `embedded` is there at first.
    fn hidden(&self, embedded: u64) -> u64 {
        let streams = self.altup_num_inputs.unwrap_or(1).max(1);
        embedded.saturating_add(self.hidden_size.unwrap_or_default().saturating_mul(streams - 1))
    }

    /// The width of the widest head.
    fn head(&self, hidden: u64, heads: u64) -> u64 {
        let width = self.head_dim.unwrap_or_else(|| hidden.checked_div(heads).unwrap_or_default());
        width.max(self.global_head_dim.unwrap_or_default())
    }

    /// What one token passes within an MLP: a dense one, or all experts that see it, each with what goes into it and
    /// comes out.
    fn inner(&self, hidden: u64) -> u64 {
        let dense = self.intermediate_size.unwrap_or(hidden.saturating_mul(4));
        let Some(experts) = self.num_experts_per_tok.filter(|&experts| experts > 0) else { return dense };
        let expert = self.moe_intermediate_size.unwrap_or(dense).max(hidden);
        dense.max(expert.saturating_mul(experts))
    }

    /// What a layer of the gated delta rule works with for each token, as it was measured on the CPU: its convolution
    /// in the type of the model, the rule in `float32`.
    fn recurrent(&self, dtype: Dtype) -> Bytes {
        let (Some(key_heads), Some(value_heads)) = (self.linear_num_key_heads, self.linear_num_value_heads)
        else {
            return Bytes::ZERO;
        };
        let mixed_heads = key_heads.saturating_mul(2);
        let (key, value) =
            (self.linear_key_head_dim.unwrap_or_default(), self.linear_value_head_dim.unwrap_or_default());
        let elements = |size: usize, keys: u64, values: u64| {
            Bytes::from(size) * key * keys + Bytes::from(size) * value * values
        };
        let wide = Dtype::Float32.size();
        elements(dtype.size(), mixed_heads, value_heads) * 3
            + elements(wide, mixed_heads, value_heads) * 2
            + elements(wide, value_heads, value_heads) * 9
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
    let trace = run.trace(model, model.cache().with(&options.cache)?)?;
    let heads = widths.num_attention_heads.unwrap_or(1);
    let prefill = Prefill {
        chunk: run.chunk.min(run.length).unsigned_abs().into(),
        length: options.seen(run.length, run.chunk).unsigned_abs().into(),
        batch: run.batch.unsigned_abs().into(),
        hidden: widths.hidden(trace.hidden),
        inner: widths.inner(trace.hidden),
        recurrent: widths.recurrent(trace.dtype),
        layers: widths.num_hidden_layers.unwrap_or(trace.layers),
        heads,
        head_width: widths.head(trace.hidden, heads),
        vocabulary: model.vocab_size() as u64,
        dtype: trace.dtype,
        step_by_step: widths.attn_logit_softcapping.is_some() || options.quantizes(run.length),
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
    fn trace(&self, model: &Model, mut cache: KvCache) -> Result<Trace> {
        let decoder = model.decoder();
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
