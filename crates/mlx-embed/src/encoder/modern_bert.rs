//! ModernBERT: norms before what they normalise, RoPE, gated layers, and windows in most layers.
//!
//! Warner et al., "Smarter, Better, Faster, Longer: A Modern Bidirectional Encoder".

use mlx_core::fast::{self, Activation};
use mlx_core::{Array, Index, Result as MlxResult};
use mlx_nn::{Embedding, LayerNorm, LayerNormOptions, Linear, Module, Rope, Weights};
use serde::Deserialize;
use serde_json::Value;

use super::attention::Attend;
use super::{Encoder, body, config};
use crate::layers::through;
use crate::{Packed, Result};

#[derive(Deserialize)]
struct Config {
    vocab_size: i32,
    hidden_size: i32,
    num_hidden_layers: usize,
    num_attention_heads: i32,
    intermediate_size: i32,
    #[serde(default = "gelu")]
    hidden_activation: String,
    max_position_embeddings: Option<usize>,
    #[serde(default = "small")]
    norm_eps: f32,
    #[serde(default)]
    norm_bias: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default = "window")]
    local_attention: i32,
    #[serde(default = "third")]
    global_attn_every_n_layers: usize,
    #[serde(default = "far")]
    global_rope_theta: f32,
    local_rope_theta: Option<f32>,
    layer_types: Option<Vec<String>>,
    rope_parameters: Option<RopeParameters>,
}

/// RoPE as transformers writes it since its version 5.
#[derive(Deserialize)]
struct RopeParameters {
    full_attention: Option<Theta>,
    sliding_attention: Option<Theta>,
}

#[derive(Deserialize)]
struct Theta {
    rope_theta: f32,
}

fn gelu() -> String {
    "gelu".into()
}

fn small() -> f32 {
    1e-5
}

fn window() -> i32 {
    128
}

fn third() -> usize {
    3
}

fn far() -> f32 {
    160_000.0
}

impl Config {
    /// Whether a layer sees near tokens only.
    fn is_local(&self, layer: usize) -> bool {
        match &self.layer_types {
            Some(types) => types.get(layer).is_some_and(|kind| kind == "sliding_attention"),
            None => !layer.is_multiple_of(self.global_attn_every_n_layers.max(1)),
        }
    }

    /// The base of RoPE's wavelengths in a layer.
    fn theta(&self, layer: usize) -> f32 {
        let local = self.is_local(layer);
        let of_layer = self.rope_parameters.as_ref().and_then(|parameters| {
            if local { parameters.sliding_attention.as_ref() } else { parameters.full_attention.as_ref() }
        });
        let old = if local { self.local_rope_theta } else { None };
        of_layer.map_or(old.unwrap_or(self.global_rope_theta), |theta| theta.rope_theta)
    }

    fn norm(&self, w: &Weights) -> Result<LayerNorm> {
        let options = LayerNormOptions { eps: self.norm_eps, affine: true, bias: self.norm_bias };
        Ok(LayerNorm::load(w, self.hidden_size, options)?)
    }
}

/// The encoder.
#[derive(Module)]
pub(super) struct ModernBert {
    words: Embedding,
    norm: LayerNorm,
    layers: Vec<Layer>,
    final_norm: LayerNorm,
    #[module(skip)]
    longest: Option<usize>,
}

/// Attention and a gated layer, each behind a norm.
#[derive(Module)]
struct Layer {
    /// The first layer has none: its input is normalised already.
    attn_norm: Option<LayerNorm>,
    qkv: Linear,
    output: Linear,
    mlp_norm: LayerNorm,
    up: Linear,
    down: Linear,
    rope: Rope,
    heads: i32,
    #[module(skip)]
    reach: Option<i32>,
    #[module(skip)]
    activation: Activation,
}

pub(super) fn load(w: &Weights, config: &Value) -> Result<ModernBert> {
    let config: Config = config::read(config)?;
    let others = [("vocab_size", config.vocab_size), ("intermediate_size", config.intermediate_size)];
    config::check_sizes(config.hidden_size, config.num_attention_heads, &others)?;
    w.ignore(|key| UNREAD.iter().any(|unread| key.starts_with(unread)));
    let w = body(w, &["model"], "embeddings.tok_embeddings.weight");
    Ok(ModernBert {
        words: w.embedding("embeddings.tok_embeddings", [config.vocab_size, config.hidden_size])?,
        norm: config.norm(&w.at("embeddings.norm"))?,
        layers: w
            .each("layers", config.num_hidden_layers)
            .enumerate()
            .map(|(at, w)| Layer::load(&w, at, &config))
            .collect::<Result<_>>()?,
        final_norm: config.norm(&w.at("final_norm"))?,
        longest: config.max_position_embeddings,
    })
}

/// Scopes of heads for other tasks.
const UNREAD: [&str; 3] = ["head.", "decoder.", "classifier."];

impl Layer {
    fn load(w: &Weights, at: usize, config: &Config) -> Result<Self> {
        let (hidden, inner, heads) =
            (config.hidden_size, config.intermediate_size, config.num_attention_heads);
        let attention = |name, shape| w.linear_with_bias(name, shape, config.attention_bias);
        let linear = |name, shape| w.linear_with_bias(name, shape, config.mlp_bias);
        Ok(Self {
            attn_norm: if at > 0 { Some(config.norm(&w.at("attn_norm"))?) } else { None },
            qkv: attention("attn.Wqkv", [3 * hidden, hidden])?,
            output: attention("attn.Wo", [hidden, hidden])?,
            mlp_norm: config.norm(&w.at("mlp_norm"))?,
            up: linear("mlp.Wi", [2 * inner, hidden])?,
            down: linear("mlp.Wo", [hidden, inner])?,
            rope: Rope::new(hidden / heads, config.theta(at), None, false, 0)?,
            heads,
            reach: config.is_local(at).then_some(config.local_attention / 2),
            activation: config::activation("hidden_activation", &config.hidden_activation)?,
        })
    }

    fn forward(&self, x: &Array, texts: &Packed) -> MlxResult<Array> {
        let normed = self.attn_norm.as_ref().map_or_else(|| Ok(x.clone()), |norm| norm.forward(x))?;
        let [q, k, v] = thirds(&self.qkv.forward(&normed)?)?;
        let attend = Attend { heads: self.heads, rope: Some(&self.rope), reach: self.reach };
        let seen = attend.forward(texts, [&q, &k, &v])?;
        let x = self.output.forward_then(&seen, None, Some(x))?;
        let both = self.up.forward(&self.mlp_norm.forward(&x)?)?;
        let inner = both.dim(-1)? / 2;
        let (gate, up) = (both.index((.., ..inner))?, both.index((.., inner..))?);
        self.down.forward_then(&fast::gated(self.activation, &gate, &up)?, None, Some(&x))
    }
}

/// `[tokens, 3 · width]` in three.
pub(super) fn thirds(all: &Array) -> MlxResult<[Array; 3]> {
    let width = all.dim(-1)? / 3;
    let part = |at: i32| all.index((Index::Ellipsis, at * width..(at + 1) * width));
    Ok([part(0)?, part(1)?, part(2)?])
}

impl Encoder for ModernBert {
    fn forward(&self, texts: &Packed) -> MlxResult<Array> {
        let x = self.norm.forward(&self.words.forward(&texts.tokens()?)?)?;
        self.final_norm.forward(&through(&self.layers, x, |layer, x| layer.forward(x, texts))?)
    }

    fn longest(&self) -> Option<usize> {
        self.longest
    }
}
