//! Attention in which all heads share keys and values, which may be of fewer places.
//!
//! Shazeer, "Fast Transformer Decoding: One Write-Head is All You Need".

use mlx_core::fast::{Mask, scaled_dot_product_attention};
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Linear, Module, RmsNorm, Weights};
use mlx_vision::{Conv, ConvShape};

use super::block::{EPS, kernel, least, point, point_width};
use crate::{Error, Result};

/// The block.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct MobileAttention {
    norm: RmsNorm,
    #[module(name = "attn.query.proj")]
    query: Linear,
    #[module(name = "attn.key")]
    key: Shared,
    #[module(name = "attn.value")]
    value: Shared,
    #[module(name = "attn.output.proj")]
    output: Linear,
    #[module(name = "layer_scale.gamma")]
    scale: Option<Array>,
    #[module(skip)]
    heads: i32,
}

/// What all heads share.
#[derive(Module)]
#[module(no_tree)]
struct Shared {
    down_conv: Option<Conv>,
    norm: Option<RmsNorm>,
    proj: Linear,
}

impl MobileAttention {
    pub(super) fn load(w: &Weights, width: i32) -> Result<Self> {
        let attn = w.at("attn");
        let [queries, key, value] =
            ["query.proj", "key.proj", "value.proj"].map(|name| point_width(&attn, name));
        if queries % key != 0 {
            let problem = format!(
                "vision_tower: queries {queries} wide and keys {key} wide: there must be a whole number of heads"
            );
            return Err(Error::config(problem));
        }
        let heads = queries / key;
        let scale = || w.array("layer_scale.gamma", [width]);
        Ok(Self {
            norm: w.rms_norm("norm", width, EPS)?,
            query: point(&attn, "query.proj", [width, queries])?,
            key: Shared::load(&attn.at("key"), [width, key])?,
            value: Shared::load(&attn.at("value"), [width, value])?,
            output: point(&attn, "output.proj", [heads.saturating_mul(value), width])?,
            scale: w.contains("layer_scale.gamma").then(scale).transpose()?,
            heads,
        })
    }

    /// `[images, rows, columns, width] -> [images, rows, columns, width]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [images, rows, columns, _] = x.dims()?;
        let x = self.norm.forward(x)?;
        let query = self.query.forward(&x)?.reshape([images, rows * columns, self.heads, -1])?;
        let (key, value) = (self.key.forward(&x)?, self.value.forward(&x)?);
        let scale = (key.dim(-1)? as f32).sqrt().recip();
        let query = query.transpose([0, 2, 1, 3])?;
        let seen = scaled_dot_product_attention(&query, &key, &value, scale, Mask::None, None)?;
        let seen = seen.transpose([0, 2, 1, 3])?.reshape([images, rows, columns, -1])?;
        let made = self.output.forward(&seen)?;
        match &self.scale {
            Some(scale) => made * scale,
            None => Ok(made),
        }
    }
}

impl Shared {
    fn load(w: &Weights, widths: [i32; 2]) -> Result<Self> {
        let fewer = w.contains("down_conv.weight");
        let [width, _] = widths;
        let conv = || -> Result<Conv> {
            let shape = ConvShape { stride: 2, ..ConvShape::apart(width, kernel(w, "down_conv")?) };
            Ok(Conv::load(&w.at("down_conv"), shape, least(false, false))?)
        };
        Ok(Self {
            down_conv: fewer.then(conv).transpose()?,
            norm: fewer.then(|| w.rms_norm("norm", width, EPS)).transpose()?,
            proj: point(w, "proj", widths)?,
        })
    }

    /// `[images, rows, columns, width] -> [images, 1, places, output]`.
    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let fewer = match (&self.down_conv, &self.norm) {
            (Some(conv), Some(norm)) => Some(norm.forward(&conv.forward(x)?)?),
            _ => None,
        };
        self.proj.forward(fewer.as_ref().unwrap_or(x))?.flatten(1, 2)?.expand_dims(1)
    }
}
