//! From squares of patches to vectors of the decoder.

use mlx_core::fast::Activation;
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Linear, Module, Weights};

use super::config::{Kind, Vision};
use super::norm::Norm;
use crate::Result;

/// Puts the patches of a square side by side, and makes them as wide as the decoder.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Merger {
    norm: Norm,
    first: Linear,
    last: Linear,
    wide: i32,
    /// Whether squares are normalised, and not the patches in them.
    whole: bool,
}

impl Merger {
    /// The merger of what the last layer makes of patches.
    pub(super) fn load(w: &Weights, config: &Vision) -> Result<Self> {
        let names = match config.kind {
            Kind::Second | Kind::Windowed => ["ln_q", "mlp.0", "mlp.2"],
            Kind::Third | Kind::Hybrid => NAMES,
        };
        Self::named(w, names, config, false)
    }

    /// A merger of what a layer before it does. Meng et al., "DeepStack: Deeply Stacking Visual Tokens is Surprisingly
    /// Simple and Effective for LMMs".
    pub(super) fn deep(w: &Weights, config: &Vision) -> Result<Self> {
        Self::named(w, NAMES, config, true)
    }

    fn named(w: &Weights, [norm, first, last]: [&str; 3], config: &Vision, whole: bool) -> Result<Self> {
        let wide = config.width * config.merge * config.merge;
        Ok(Self {
            norm: Norm::load(w, norm, if whole { wide } else { config.width }, config.kind)?,
            first: w.linear_with_bias(first, [wide, wide], true)?,
            last: w.linear_with_bias(last, [config.output, wide], true)?,
            wide,
            whole,
        })
    }

    /// `[patches, width] -> [patches / merge², hidden]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let squares = if self.whole {
            self.norm.forward(&x.reshape([-1, self.wide])?)?
        } else {
            self.norm.forward(x)?.reshape([-1, self.wide])?
        };
        self.last.forward(&self.first.forward_then(&squares, Some(Activation::Gelu), None)?)
    }
}

const NAMES: [&str; 3] = ["norm", "linear_fc1", "linear_fc2"];
