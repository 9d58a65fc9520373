//! Moondream 2: attention and two linear layers side by side, behind one norm.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Embedding, LayerNorm, LayerNormOptions, Linear, Module, Weights, gelu_approx};
use serde::Deserialize;

use super::Decoder;
use super::part::{Attention, AttentionNames, AttentionOptions, FeedForward, Frame, Windows};
use crate::Result;
use crate::cache::{KvCache, LayerCache, Mask};
use crate::config::{Config, positive};

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
    attn: Attention,
    mlp: Mlp,
}

/// Two linear layers.
#[derive(Module)]
struct Mlp {
    fc1: Linear,
    fc2: Linear,
}

#[derive(Deserialize)]
struct Stored {
    rms_norm_eps: f32,
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Moondream> {
    let frame = Frame::read(config, |_| false)?;
    let Stored { rms_norm_eps } = config.parse()?;
    let eps = positive("rms_norm_eps", rms_norm_eps)?;
    let norm = |w: &Weights, name| {
        let options = LayerNormOptions { eps, ..LayerNormOptions::default() };
        LayerNorm::load(&w.at(name), frame.sizes.hidden, options)
    };
    let (m, shape) = (w.at("model"), [frame.sizes.vocab, frame.sizes.hidden]);
    let layers = m.each("layers", frame.sizes.layers).enumerate();
    let layers = layers.map(|(at, w)| {
        Ok(Layer {
            ln: norm(&w, "ln")?,
            attn: Attention::load(&w.at("attn"), &frame.sizes, attention(&frame, at)?)?,
            mlp: Mlp::load(&w.at("mlp"), &frame)?,
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

fn attention(frame: &Frame, layer: usize) -> Result<AttentionOptions> {
    let names = AttentionNames { o_proj: "proj", qkv_proj: "qkv", ..AttentionNames::default() };
    let own = frame.attention(layer)?;
    Ok(AttentionOptions { bias: true, output_bias: true, fused: true, names, ..own })
}

impl Mlp {
    fn load(w: &Weights, frame: &Frame) -> Result<Self> {
        let (hidden, inner) = (frame.sizes.hidden, frame.sizes.inner);
        Ok(Self {
            fc1: w.linear_with_bias("fc1", [inner, hidden], true)?,
            fc2: w.linear_with_bias("fc2", [hidden, inner], true)?,
        })
    }
}

impl FeedForward for Mlp {
    fn forward(&self, x: &Array) -> MlxResult<Array> {
        self.fc2.forward(&gelu_approx(&self.fc1.forward(x)?)?)
    }
}

impl Layer {
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        let normal = self.ln.forward(x)?;
        (x + self.attn.forward(&normal, mask, cache)?)? + self.mlp.forward(&normal)?
    }
}

impl Decoder for Moondream {
    fn embed(&self, tokens: &Array) -> MlxResult<Array> {
        self.model.embed_tokens.forward(tokens)
    }

    fn states(&self, hidden: Array, cache: &mut KvCache) -> MlxResult<Array> {
        let ([full, _], pace) = (self.model.windows.masks(), cache.pace());
        let mut x = hidden;
        for (layer, cache) in self.model.layers.iter().zip(cache.layers()) {
            pace.before_layer(&x)?;
            x = layer.forward(&x, &full, cache)?;
        }
        self.model.post_ln.forward(&x)
    }

    fn scores(&self, states: &Array) -> MlxResult<Array> {
        self.lm_head.forward(states)
    }

    fn cache(&self) -> KvCache {
        KvCache::new((0..self.model.layers.len()).map(|at| self.model.windows.cache(at)))
    }
}
