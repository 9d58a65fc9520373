//! Norms whose scales and offsets a style makes.
//!
//! Huang and Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization".

use mlx_core::{Array, Result as MlxResult, keep};
use mlx_nn::{Linear, Module, Weights};

use super::weights::linear;
use crate::Result;

/// What both norms add to a variance.
const EPS: f32 = 1e-5;

/// Normalises each channel over time: `[1, length, channels]`.
#[derive(Module)]
pub(super) struct AdaIn {
    fc: Linear,
}

/// Normalises each element over its channels.
#[derive(Module)]
pub(super) struct AdaLayerNorm {
    fc: Linear,
}

impl AdaIn {
    pub(super) fn load(w: &Weights, channels: i32, style: i32) -> Result<Self> {
        Ok(Self { fc: linear(w, "fc", [2 * channels, style])? })
    }

    pub(super) fn forward(&self, x: &Array, style: &Array) -> MlxResult<Array> {
        let [scale, offset] = halves(&self.fc, style)?;
        let mean = x.mean(keep(1))?;
        let scale = (scale * (x.var(keep(1), 0)? + EPS)?.rsqrt()?)?;
        // Two passes over a long array instead of four.
        let offset = (offset - (mean * &scale)?)?;
        (x * scale)? + offset
    }
}

impl AdaLayerNorm {
    pub(super) fn load(w: &Weights, channels: i32, style: i32) -> Result<Self> {
        Ok(Self { fc: linear(w, "fc", [2 * channels, style])? })
    }

    pub(super) fn forward(&self, x: &Array, style: &Array) -> MlxResult<Array> {
        let [scale, offset] = halves(&self.fc, style)?;
        (mlx_core::fast::layer_norm(x, None, None, EPS)? * scale)? + offset
    }
}

/// What a style `[1, style]` makes: scales around 1 and offsets around 0, each `[1, 1, channels]`.
fn halves(fc: &Linear, style: &Array) -> MlxResult<[Array; 2]> {
    let both = fc.forward(style)?.expand_dims(1)?;
    let half = both.dim(-1)? / 2;
    Ok([(both.index((.., .., ..half))? + 1.0)?, both.index((.., .., half..))?])
}
