//! Moondream 2 and 3: attention and a feed-forward layer side by side, behind one norm. In Moondream 3 queries and values
//! have temperatures, and most layers are mixtures of experts.

mod feed;
mod tempered;

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Embedding, LayerNorm, LayerNormOptions, Linear, Module, Weights};
use serde::Deserialize;

use self::feed::{Experts, Feed};
use self::tempered::Tempered;
use super::Decoder;
use super::part::{Attend, Attention, AttentionNames, AttentionOptions, FeedForward, Frame, Windows};
use crate::cache::{KvCache, LayerCache, Mask};
use crate::config::{Config, positive};
use crate::{Error, Result};

/// The decoder, whose head has a bias.
#[derive(Module)]
pub(super) struct Moondream {
    model: Body,
    lm_head: Linear,
}

#[derive(Module)]
struct Body {
    embed_tokens: Embedding,
    layers: Vec<Layer>,
    post_ln: LayerNorm,
    #[module(skip)]
    windows: Windows,
}

#[derive(Module)]
struct Layer {
    ln: LayerNorm,
    attn: Seeing,
    mlp: Feed,
}

#[derive(Module)]
#[expect(clippy::large_enum_variant, reason = "one for each layer, made once")]
enum Seeing {
    Plain(Attention),
    Tempered(Tempered),
}

/// How the two differ.
#[derive(Clone, Copy, Debug)]
struct Kind {
    tempered: bool,
    experts: Option<Experts>,
}

#[derive(Deserialize)]
struct Stored {
    rms_norm_eps: f32,
    /// How many features of a head turn, as Moondream 3 says it.
    rope_dim: Option<i32>,
}

/// Moondream 2.
pub(super) fn load(w: &Weights, config: &Config) -> Result<Moondream> {
    build(w, config, Kind { tempered: false, experts: None })
}

pub(super) mod moondream3 {
    use super::{Config, Experts, Kind, Moondream, Result, Weights, build};

    /// Moondream 3.
    pub(in crate::model) fn load(w: &Weights, config: &Config) -> Result<Moondream> {
        build(w, config, Kind { tempered: true, experts: Experts::read(config)? })
    }
}

fn build(w: &Weights, config: &Config, kind: Kind) -> Result<Moondream> {
    let frame = Frame::read(config, |_| false)?;
    let Stored { rms_norm_eps, rope_dim } = config.parse()?;
    let eps = positive("rms_norm_eps", rms_norm_eps)?;
    if let Some(turned) = rope_dim.filter(|turned| turned.saturating_mul(2) != frame.sizes.head_dim) {
        let problem =
            format!("rope_dim is {turned}: it must be half of {}, the width of a head", frame.sizes.head_dim);
        return Err(Error::Config(problem));
    }
    let norm = |w: &Weights, name| {
        let options = LayerNormOptions { eps, ..LayerNormOptions::default() };
        LayerNorm::load(&w.at(name), frame.sizes.hidden, options)
    };
    let (m, shape) = (w.at("model"), [frame.sizes.vocab, frame.sizes.hidden]);
    let layers = m.each("layers", frame.sizes.layers).enumerate();
    let layers = layers.map(|(at, w)| {
        Ok(Layer {
            ln: norm(&w, "ln")?,
            attn: Seeing::load(&w.at("attn"), &frame, kind.tempered, at)?,
            mlp: Feed::load(&w.at("mlp"), &frame, kind.experts.filter(|experts| at >= experts.first))?,
        })
    });
    let model = Body {
        embed_tokens: m.embedding("embed_tokens", shape)?,
        layers: layers.collect::<Result<_>>()?,
        post_ln: norm(&m, "post_ln")?,
        windows: frame.windows.clone(),
    };
    Ok(Moondream { model, lm_head: w.linear_with_bias("lm_head", shape, true)? })
}

impl Seeing {
    fn load(w: &Weights, frame: &Frame, tempered: bool, layer: usize) -> Result<Self> {
        if tempered {
            let rope = frame.rope(layer, frame.sizes.head_dim)?;
            return Ok(Self::Tempered(Tempered::load(w, &frame.sizes, rope)?));
        }
        let names = AttentionNames { o_proj: "proj", qkv_proj: "qkv", ..AttentionNames::default() };
        let own = frame.attention(layer)?;
        let options = AttentionOptions { bias: true, output_bias: true, fused: true, names, ..own };
        Ok(Self::Plain(Attention::load(w, &frame.sizes, options)?))
    }
}

impl Attend for Seeing {
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        match self {
            Self::Plain(attention) => attention.forward(x, mask, cache),
            Self::Tempered(attention) => attention.forward(x, mask, cache),
        }
    }
}

impl Layer {
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        let normal = self.ln.forward(x)?;
        (x + self.attn.forward(&normal, mask, cache)?)? + self.mlp.forward(&normal)?
    }
}

impl Body {
    /// Hidden states behind the last layer, before its norm.
    fn forward(&self, hidden: Array, cache: &mut KvCache) -> MlxResult<Array> {
        let ([full, _], pace) = (self.windows.masks(), cache.pace());
        let mut x = hidden;
        for (layer, cache) in self.layers.iter().zip(cache.layers()) {
            pace.before_layer(&x)?;
            x = layer.forward(&x, &full, cache)?;
        }
        Ok(x)
    }
}

impl Decoder for Moondream {
    fn embed(&self, tokens: &Array) -> MlxResult<Array> {
        self.model.embed_tokens.forward(tokens)
    }

    fn states(&self, hidden: Array, cache: &mut KvCache) -> MlxResult<Array> {
        self.model.post_ln.forward(&self.model.forward(hidden, cache)?)
    }

    fn bare_states(&self, hidden: Array, cache: &mut KvCache) -> MlxResult<(Array, Array)> {
        let states = self.model.forward(hidden, cache)?;
        let scores = self.scores(&self.model.post_ln.forward(&states)?)?;
        Ok((states, scores))
    }

    fn scores(&self, states: &Array) -> MlxResult<Array> {
        self.lm_head.forward(states)
    }

    fn cache(&self) -> KvCache {
        KvCache::new((0..self.model.layers.len()).map(|at| self.model.windows.cache(at)))
    }
}
