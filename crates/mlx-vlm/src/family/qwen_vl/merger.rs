//! From squares of patches to vectors of the decoder.

use mlx_core::fast::Activation;
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{LayerNorm, Linear, Module, Weights};

use super::config::Vision;
use super::tower::norm;
use crate::Result;

/// Puts the patches of a square side by side, and makes them as wide as the decoder.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Merger {
    ln_q: LayerNorm,
    first: Linear,
    last: Linear,
    wide: i32,
}

impl Merger {
    pub(super) fn load(w: &Weights, config: &Vision) -> Result<Self> {
        let wide = config.width * config.merge * config.merge;
        Ok(Self {
            ln_q: norm(w, "ln_q", config.width)?,
            first: w.linear_with_bias("mlp.0", [wide, wide], true)?,
            last: w.linear_with_bias("mlp.2", [config.output, wide], true)?,
            wide,
        })
    }

    /// `[patches, width] -> [patches / merge², hidden]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let squares = self.ln_q.forward(x)?.reshape([-1, self.wide])?;
        self.last.forward(&self.first.forward_then(&squares, Some(Activation::Gelu), None)?)
    }
}
