//! The decoder of Gemma 3n and 4, whose last layers read the keys and values of earlier ones.

use mlx_core::{Array, Index, Result as MlxResult, concatenate};
use mlx_nn::{Embedding, Head, Module, Weights};
use serde::Deserialize;

use super::altup::Streams;
use super::layer_input::{InputSizes, LayerInputs, of_layer};
use super::shared_attention::Keys;
use crate::cache::KvCache;
use crate::config::Config;
use crate::model::Decoder;
use crate::model::part::{Frame, Norm, Windows};
use crate::{Error, Result};

/// One layer.
pub(crate) trait Layer: Module {
    /// Hidden states `[…, batch, length, hidden]` to such, with the layer's own input `[batch, length, width]`.
    fn forward(&self, h: &Array, keys: Keys<'_>, input: Option<&Array>) -> MlxResult<Array>;
}

/// What is around the layers.
pub(super) struct StackOptions {
    /// How many layers keep keys and values. The others read those of the last of these that slides as they do.
    pub(super) keeping: usize,
    pub(super) inputs: Option<InputSizes>,
    /// The hidden states that layers work on, where there are several.
    pub(super) streams: Option<i32>,
}

/// A decoder of layers that may have inputs of their own.
///
/// [`embed`](Decoder::embed) puts what tokens say of these inputs behind their hidden states.
#[derive(Module)]
pub(in crate::model) struct Stack<L> {
    model: Body<L>,
    lm_head: Head,
    embedding_scale: f32,
    softcap: Option<f32>,
}

#[derive(Module)]
struct Body<L> {
    embed_tokens: Embedding,
    #[module(flatten)]
    inputs: Option<LayerInputs>,
    #[module(flatten)]
    streams: Option<Streams>,
    layers: Vec<L>,
    norm: Norm,
    #[module(skip)]
    windows: Windows,
    keeping: usize,
    hidden: i32,
}

impl<L: Layer> Stack<L> {
    /// The decoder in the scope `w`, whose layers are what `layer` makes of their scopes and numbers.
    pub(super) fn load(
        w: &Weights,
        frame: &Frame,
        options: &StackOptions,
        layer: impl Fn(&Weights, usize) -> Result<L>,
    ) -> Result<Self> {
        w.ignore(|key| UNREAD.iter().any(|unread| key.ends_with(unread)));
        let (m, sizes) = (w.at("model"), frame.sizes);
        let embed_tokens = m.embedding("embed_tokens", [sizes.vocab, sizes.hidden])?;
        let tied = frame.tied.unwrap_or_else(|| !w.contains("lm_head.weight"));
        let lm_head = w.head("lm_head", &embed_tokens, tied)?;
        let layers = m.each("layers", sizes.layers).enumerate();
        let model = Body {
            embed_tokens,
            inputs: options.inputs.map(|inputs| LayerInputs::load(&m, frame, inputs)).transpose()?,
            streams: options.streams.map(|count| Streams::load(&m, sizes.hidden, count)).transpose()?,
            layers: layers.map(|(at, w)| layer(&w, at)).collect::<Result<_>>()?,
            norm: frame.norm(&m, "norm")?,
            windows: frame.windows.clone(),
            keeping: options.keeping,
            hidden: sizes.hidden,
        };
        Ok(Self { model, lm_head, embedding_scale: (sizes.hidden as f32).sqrt(), softcap: frame.softcap })
    }
}

/// Endings of keys that no text needs: old inverse frequencies, and the ranges of numbers that a quantizer saw.
const UNREAD: [&str; 5] = ["rotary_emb.inv_freq", "input_max", "input_min", "output_max", "output_min"];

impl<L: Layer> Body<L> {
    fn forward(&self, embedded: &Array, cache: &mut KvCache) -> MlxResult<Array> {
        let mut h = embedded.index((Index::Ellipsis, ..self.hidden))?;
        let inputs = match &self.inputs {
            Some(inputs) => Some(inputs.forward(&h, &embedded.index((Index::Ellipsis, self.hidden..))?)?),
            None => None,
        };
        if let Some(streams) = &self.streams {
            h = streams.open(&h)?;
        }
        let ([full, sliding], mut seen) = (self.windows.masks(), [None, None]);
        let pace = cache.pace();
        let mut caches = cache.layers();
        for (at, layer) in (0..).zip(&self.layers) {
            let input = inputs.as_ref().map(|inputs| of_layer(inputs, at)).transpose()?;
            let at = at.unsigned_abs() as usize;
            let [seen_full, seen_sliding] = &mut seen;
            let (mask, seen) =
                if self.windows.slides(at) { (&sliding, seen_sliding) } else { (&full, seen_full) };
            let cache = if at < self.keeping { caches.next() } else { None };
            pace.before_layer(&h)?;
            h = layer.forward(&h, Keys { mask, cache, seen }, input.as_ref())?;
        }
        if let Some(streams) = &self.streams {
            h = streams.close(&h)?;
        }
        self.norm.forward(&h)
    }
}

impl<L: Layer> Decoder for Stack<L> {
    fn embed(&self, tokens: &Array) -> MlxResult<Array> {
        let h = (self.model.embed_tokens.forward(tokens)? * self.embedding_scale)?;
        match &self.model.inputs {
            Some(inputs) => concatenate([&h, &inputs.embed(tokens)?], -1),
            None => Ok(h),
        }
    }

    fn states(&self, hidden: Array, cache: &mut KvCache) -> MlxResult<Array> {
        self.model.forward(&hidden, cache)
    }

    fn scores(&self, states: &Array) -> MlxResult<Array> {
        let scores = self.lm_head.forward(states, &self.model.embed_tokens)?;
        match self.softcap {
            Some(cap) => (scores / cap)?.tanh()? * cap,
            None => Ok(scores),
        }
    }

    fn cache(&self) -> KvCache {
        KvCache::new((0..self.model.keeping).map(|layer| self.model.windows.cache(layer)))
    }
}

#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    num_kv_shared_layers: usize,
}

/// How many layers keep keys and values, as `config` says.
///
/// # Errors
/// There is a layer that would read those of another, and none that slides or does not slide as it does keeps any.
pub(super) fn keeping(config: &Config, frame: &Frame) -> Result<usize> {
    let (layers, Stored { num_kv_shared_layers: shared }) = (frame.sizes.layers, config.parse()?);
    let keeping = layers.saturating_sub(shared);
    let kept = |slides| (0..keeping).any(|layer| frame.windows.slides(layer) == slides);
    if shared <= layers && (keeping..layers).all(|layer| kept(frame.windows.slides(layer))) {
        return Ok(keeping);
    }
    Err(Error::Config(format!(
        "num_kv_shared_layers is {shared} of {layers}: before those layers, there must be one of each of their layer_types"
    )))
}
