//! Layers that see all frames.

use mlx_core::fast::{Activation, Mask, scaled_dot_product_attention};
use mlx_core::{Array, Device, Result as MlxResult};
use mlx_nn::{LayerNorm, LayerNormOptions, Linear, Module, Weights};

use super::config::Config;
use super::positions::Positions;
use crate::Result;

/// From frames to states.
#[derive(Module)]
pub(super) struct Encoder {
    projection_norm: Option<LayerNorm>,
    projection: Linear,
    positions: Positions,
    norm: LayerNorm,
    layers: Vec<Layer>,
    /// Whether layers normalise what goes in; else what comes out.
    norm_first: bool,
}

#[derive(Module)]
struct Layer {
    qkv: [Linear; 3],
    out: Linear,
    attention_norm: LayerNorm,
    up: Linear,
    down: Linear,
    norm: LayerNorm,
    heads: i32,
    norm_first: bool,
}

impl Encoder {
    pub(super) fn load(w: &Weights, config: &Config) -> Result<Self> {
        let &Config { hidden_size: width, do_stable_layer_norm: norm_first, .. } = config;
        let features = config.conv_dim.last().copied().unwrap_or(1);
        let projection = w.at("feature_projection");
        let norm_of = |w: &Weights, width| {
            let options = LayerNormOptions { eps: config.layer_norm_eps, ..LayerNormOptions::default() };
            LayerNorm::load(&w.at("layer_norm"), width, options)
        };
        let encoder = w.at("encoder");
        let layers = encoder.each("layers", config.num_hidden_layers);
        Ok(Self {
            projection_norm: config
                .feat_proj_layer_norm
                .then(|| norm_of(&projection, features))
                .transpose()?,
            projection: projection.linear_with_bias("projection", [width, features], true)?,
            positions: Positions::load(&encoder.at("pos_conv_embed"), config)?,
            norm: norm_of(&encoder, width)?,
            layers: layers.map(|w| Layer::load(&w, config)).collect::<Result<_>>()?,
            norm_first,
        })
    }

    /// `[batch, frames, channels] -> [batch, frames, width]`; `mask` `[batch, frames]` is true where there is sound.
    pub(super) fn forward(&self, x: &Array, mask: Option<&Array>) -> MlxResult<Array> {
        let waits = Device::current().is_cpu();
        let x = match &self.projection_norm {
            Some(norm) => norm.forward(x)?,
            None => x.clone(),
        };
        let mut x = self.projection.forward(&x)?;
        if let Some(mask) = mask {
            x = (&x * mask.expand_dims(-1)?.astype(x.dtype())?)?;
        }
        x = (&x + self.positions.forward(&x)?)?;
        if !self.norm_first {
            x = self.norm.forward(&x)?;
        }
        let keys = mask.map(|mask| mask.expand_dims([1, 2])).transpose()?;
        for layer in &self.layers {
            if waits {
                x.eval()?;
            }
            x = layer.forward(&x, keys.as_ref())?;
        }
        if self.norm_first { self.norm.forward(&x) } else { Ok(x) }
    }
}

impl Layer {
    fn load(w: &Weights, config: &Config) -> Result<Self> {
        let &Config { hidden_size: width, intermediate_size: inner, .. } = config;
        let attention = w.at("attention");
        let linear = |name: &str| attention.linear_with_bias(name, [width, width], true);
        let feed_forward = w.at("feed_forward");
        let options = LayerNormOptions { eps: config.layer_norm_eps, ..LayerNormOptions::default() };
        let norm = |name: &str| LayerNorm::load(&w.at(name), width, options);
        Ok(Self {
            qkv: [linear("q_proj")?, linear("k_proj")?, linear("v_proj")?],
            out: linear("out_proj")?,
            attention_norm: norm("layer_norm")?,
            up: feed_forward.linear_with_bias("intermediate_dense", [inner, width], true)?,
            down: feed_forward.linear_with_bias("output_dense", [width, inner], true)?,
            norm: norm("final_layer_norm")?,
            heads: config.num_attention_heads,
            norm_first: config.do_stable_layer_norm,
        })
    }

    fn forward(&self, x: &Array, keys: Option<&Array>) -> MlxResult<Array> {
        if self.norm_first {
            let x = self.attend(&self.attention_norm.forward(x)?, x, keys)?;
            return self.feed_forward(&self.norm.forward(&x)?, &x);
        }
        let x = self.attention_norm.forward(&self.attend(x, x, keys)?)?;
        self.norm.forward(&self.feed_forward(&x, &x)?)
    }

    /// `plus` and what the frames of `x` see in each other.
    fn attend(&self, x: &Array, plus: &Array, keys: Option<&Array>) -> MlxResult<Array> {
        let [batch, length, width] = x.dims()?;
        let [q, k, v] = &self.qkv;
        let apart = |x: Array| x.reshape([batch, length, self.heads, width / self.heads])?.swapaxes(1, 2);
        let [q, k, v] = Linear::forward_each([q, k, v], x)?;
        let scale = f64::from(width / self.heads).sqrt().recip() as f32;
        let mask = keys.map_or(Mask::None, Mask::Array);
        let seen = scaled_dot_product_attention(&apart(q)?, &apart(k)?, &apart(v)?, scale, mask, None)?;
        self.out.forward_then(&seen.swapaxes(1, 2)?.reshape([batch, length, width])?, None, Some(plus))
    }

    fn feed_forward(&self, x: &Array, plus: &Array) -> MlxResult<Array> {
        let inner = self.up.forward_then(x, Some(Activation::Gelu), None)?;
        self.down.forward_then(&inner, None, Some(plus))
    }
}
