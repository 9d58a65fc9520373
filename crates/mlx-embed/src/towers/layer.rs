//! The layers of a tower: attention and two linear layers, each behind a norm and added to its input.

use mlx_core::fast::{self, Mask, scaled_dot_product_attention};
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{LayerNorm, LayerNormOptions, Linear, Module, Weights, gelu_fast_approx};

use super::config::Layers;
use crate::Result;
use crate::encoder::activation;

/// One layer.
#[derive(Module)]
pub(super) struct Layer {
    attention_norm: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    feed_norm: LayerNorm,
    feed: FeedForward,
    heads: i32,
}

/// Two linear layers with an activation between them.
#[derive(Module)]
pub(super) struct FeedForward {
    up: Linear,
    down: Linear,
    #[module(skip)]
    activation: Activation,
}

/// An activation of a tower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Activation {
    Fast(fast::Activation),
    /// `x · σ(1.702 · x)`, which CLIP is trained with. Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)".
    QuickGelu,
}

impl Layer {
    /// The layers at `encoder.layers`.
    pub(super) fn load_all(w: &Weights, config: &Layers) -> Result<Vec<Self>> {
        w.each("encoder.layers", config.num_hidden_layers).map(|w| Self::load(&w, config)).collect()
    }

    fn load(w: &Weights, config: &Layers) -> Result<Self> {
        let hidden = config.hidden_size;
        let attention = w.at("self_attn");
        let square = |name| attention.linear_with_bias(name, [hidden, hidden], true);
        Ok(Self {
            attention_norm: norm(w, "layer_norm1", config)?,
            query: square("q_proj")?,
            key: square("k_proj")?,
            value: square("v_proj")?,
            output: square("out_proj")?,
            feed_norm: norm(w, "layer_norm2", config)?,
            feed: FeedForward::load(&w.at("mlp"), config)?,
            heads: config.num_attention_heads,
        })
    }

    /// `[batch, length, hidden] -> [batch, length, hidden]`.
    pub(super) fn forward(&self, x: &Array, mask: Mask<'_>) -> MlxResult<Array> {
        let normed = self.attention_norm.forward(x)?;
        let [q, k, v] = Linear::forward_each([&self.query, &self.key, &self.value], &normed)?;
        let x = self.output.forward_then(&attend([&q, &k, &v], self.heads, mask)?, None, Some(x))?;
        self.feed.forward(&self.feed_norm.forward(&x)?, &x)
    }
}

impl FeedForward {
    /// The layers `fc1` and `fc2`.
    pub(super) fn load(w: &Weights, config: &Layers) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        Ok(Self {
            up: w.linear_with_bias("fc1", [inner, hidden], true)?,
            down: w.linear_with_bias("fc2", [hidden, inner], true)?,
            activation: config.activation()?,
        })
    }

    /// What the layers make of `x`, and `plus`.
    pub(super) fn forward(&self, x: &Array, plus: &Array) -> MlxResult<Array> {
        let inner = match self.activation {
            Activation::Fast(activation) => self.up.forward_then(x, Some(activation), None)?,
            Activation::QuickGelu => gelu_fast_approx(&self.up.forward(x)?)?,
        };
        self.down.forward_then(&inner, None, Some(plus))
    }
}

impl Activation {
    pub(super) fn named(name: &str) -> Result<Self> {
        match name {
            "quick_gelu" => Ok(Self::QuickGelu),
            other => Ok(Self::Fast(activation("hidden_act", other)?)),
        }
    }
}

/// What queries `[batch, queries, hidden]` see of keys and values `[batch, length, hidden]`: `[batch, queries, hidden]`.
pub(super) fn attend([q, k, v]: [&Array; 3], heads: i32, mask: Mask<'_>) -> MlxResult<Array> {
    let split = |x: &Array| x.unflatten(-1, [heads, -1])?.transpose([0, 2, 1, 3]);
    let (q, k, v) = (split(q)?, split(k)?, split(v)?);
    let scale = f64::from(q.dim(-1)?).recip().sqrt() as f32;
    scaled_dot_product_attention(&q, &k, &v, scale, mask, None)?.transpose([0, 2, 1, 3])?.flatten(-2, -1)
}

/// The norm `name` of a tower.
pub(super) fn norm(w: &Weights, name: &str, config: &Layers) -> Result<LayerNorm> {
    let options = LayerNormOptions { eps: config.layer_norm_eps, ..LayerNormOptions::default() };
    Ok(LayerNorm::load(&w.at(name), config.hidden_size, options)?)
}
