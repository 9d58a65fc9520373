//! Llama and Mistral: pre-norm decoder, grouped-query attention, SwiGLU.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Embedding, Head, Linear, Mlp, Module, RmsNorm, Rope, RopeScaling, Weights};
use serde::Deserialize;

use super::Decoder;
use crate::cache::{KvCache, LayerCache, Mask};
use crate::config::{layers, size};
use crate::{Error, Result};

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Config {
    hidden_size: i32,
    intermediate_size: i32,
    num_hidden_layers: usize,
    num_attention_heads: i32,
    num_key_value_heads: Option<i32>,
    head_dim: Option<i32>,
    vocab_size: i32,
    rms_norm_eps: f32,
    #[serde(default = "default_rope_theta")]
    rope_theta: f32,
    rope_scaling: Option<RopeScaling>,
    #[serde(default)]
    rope_traditional: bool,
    #[serde(default = "default_max_position")]
    max_position_embeddings: i32,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default = "default_tie")]
    tie_word_embeddings: bool,
    layer_types: Option<Vec<LayerType>>,
    sliding_window: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LayerType {
    FullAttention,
    SlidingAttention,
}

fn default_rope_theta() -> f32 {
    10_000.0
}

fn default_max_position() -> i32 {
    2048
}

fn default_tie() -> bool {
    true
}

impl Config {
    fn kv_heads(&self) -> i32 {
        self.num_key_value_heads.unwrap_or(self.num_attention_heads)
    }

    fn head_dim(&self) -> i32 {
        self.head_dim.unwrap_or(self.hidden_size / self.num_attention_heads.max(1))
    }

    fn check(&self) -> Result<()> {
        size("hidden_size", self.hidden_size)?;
        size("intermediate_size", self.intermediate_size)?;
        size("vocab_size", self.vocab_size)?;
        let heads = size("num_attention_heads", self.num_attention_heads)?;
        let kv_heads = size("num_key_value_heads", self.kv_heads())?;
        size("head_dim times num_attention_heads", self.head_dim().saturating_mul(heads))?;
        if heads % kv_heads != 0 {
            let message =
                format!("{heads} num_attention_heads are not a multiple of {kv_heads} num_key_value_heads");
            return Err(Error::Config(message));
        }
        let layers = layers(self.num_hidden_layers)?;
        match &self.layer_types {
            Some(types) if types.len() != layers => {
                Err(Error::Config(format!("layer_types has {} entries for {layers} layers", types.len())))
            }
            Some(types) if types.contains(&LayerType::SlidingAttention) && self.sliding_window.is_none() => {
                Err(Error::Config("layer_types has sliding_attention but there is no sliding_window".into()))
            }
            _ => self.window().map_or(Ok(()), |window| size("sliding_window", window).map(drop)),
        }
    }

    fn slides(&self, layer: usize) -> bool {
        self.layer_types.as_ref().and_then(|types| types.get(layer)) == Some(&LayerType::SlidingAttention)
    }

    /// The window, if any layer slides.
    fn window(&self) -> Option<i32> {
        self.sliding_window.filter(|_| (0..self.num_hidden_layers).any(|layer| self.slides(layer)))
    }
}

#[derive(Module)]
struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    rope: Rope,
    heads: i32,
    kv_heads: i32,
    scale: f32,
}

impl Attention {
    fn load(w: &Weights, c: &Config) -> Result<Self> {
        let (hidden, dim, heads, kv_heads) =
            (c.hidden_size, c.head_dim(), c.num_attention_heads, c.kv_heads());
        let linear = |name, shape| w.linear_with_bias(name, shape, c.attention_bias);
        Ok(Self {
            q_proj: linear("q_proj", [heads * dim, hidden])?,
            k_proj: linear("k_proj", [kv_heads * dim, hidden])?,
            v_proj: linear("v_proj", [kv_heads * dim, hidden])?,
            o_proj: linear("o_proj", [hidden, heads * dim])?,
            rope: Rope::new(
                dim,
                c.rope_theta,
                c.rope_scaling.as_ref(),
                c.rope_traditional,
                c.max_position_embeddings,
            )?,
            heads,
            kv_heads,
            scale: (dim as f32).powf(-0.5),
        })
    }

    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        let [b, l, _] = x.dims()?;
        let split = |p: &Linear, n| p.forward(x)?.reshape([b, l, n, -1])?.transpose([0, 2, 1, 3]);

        let q = self.rope.forward(&split(&self.q_proj, self.heads)?, cache.offset())?;
        let k = self.rope.forward(&split(&self.k_proj, self.kv_heads)?, cache.offset())?;
        let v = split(&self.v_proj, self.kv_heads)?;

        let y = cache.attend(&q, &k, &v, self.scale, mask)?;
        self.o_proj.forward(&y.transpose([0, 2, 1, 3])?.reshape([b, l, -1])?)
    }
}

#[derive(Module)]
struct Block {
    self_attn: Attention,
    mlp: Mlp,
    input_layernorm: RmsNorm,
    post_attention_layernorm: RmsNorm,
    slides: bool,
}

impl Block {
    fn load(w: &Weights, c: &Config, layer: usize) -> Result<Self> {
        Ok(Self {
            self_attn: Attention::load(&w.at("self_attn"), c)?,
            mlp: Mlp::load(&w.at("mlp"), c.hidden_size, c.intermediate_size, c.mlp_bias)?,
            input_layernorm: w.rms_norm("input_layernorm", c.hidden_size, c.rms_norm_eps)?,
            post_attention_layernorm: w.rms_norm(
                "post_attention_layernorm",
                c.hidden_size,
                c.rms_norm_eps,
            )?,
            slides: c.slides(layer),
        })
    }

    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        let h = (x + self.self_attn.forward(&self.input_layernorm.forward(x)?, mask, cache))?;
        &h + self.mlp.forward(&self.post_attention_layernorm.forward(&h)?)
    }
}

#[derive(Module)]
struct Body {
    embed_tokens: Embedding,
    layers: Vec<Block>,
    norm: RmsNorm,
}

/// A Llama-family language model.
#[derive(Module)]
pub(super) struct Llama {
    model: Body,
    lm_head: Head,
    window: Option<i32>,
}

impl Llama {
    pub(super) fn load(w: &Weights, c: &Config) -> Result<Self> {
        c.check()?;
        w.ignore(|key| key.ends_with("rotary_emb.inv_freq"));
        let m = w.at("model");
        let embed_tokens = m.embedding("embed_tokens", [c.vocab_size, c.hidden_size])?;
        let lm_head = w.head("lm_head", &embed_tokens, c.tie_word_embeddings)?;
        let layers = m.each("layers", c.num_hidden_layers).enumerate();
        let layers = layers.map(|(at, w)| Block::load(&w, c, at)).collect::<Result<_>>()?;
        let norm = m.rms_norm("norm", c.hidden_size, c.rms_norm_eps)?;
        Ok(Self { model: Body { embed_tokens, layers, norm }, lm_head, window: c.window() })
    }
}

impl Decoder for Llama {
    fn embed(&self, tokens: &Array) -> MlxResult<Array> {
        self.model.embed_tokens.forward(tokens)
    }

    fn decode(&self, mut h: Array, cache: &mut KvCache) -> MlxResult<Array> {
        let full = cache.mask(&h)?;
        let sliding = self.window.map(|window| cache.sliding_mask(&h, window)).transpose()?;
        for (layer, cache) in self.model.layers.iter().zip(cache.layers()) {
            let mask = sliding.as_ref().filter(|_| layer.slides).unwrap_or(&full);
            h = layer.forward(&h, mask, cache)?;
        }
        self.lm_head.forward(&self.model.norm.forward(&h)?, &self.model.embed_tokens)
    }

    fn cache(&self) -> KvCache {
        KvCache::new(self.model.layers.iter().map(|layer| match self.window {
            Some(window) if layer.slides => LayerCache::sliding(window),
            _ => LayerCache::full(),
        }))
    }
}
