//! The norms of a tower.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{LayerNorm, LayerNormOptions, Module, RmsNorm, Weights};

use super::config::Kind;
use crate::Result;

/// What patches are normalised by, each by itself.
#[derive(Module)]
#[module(no_tree)]
pub(super) enum Norm {
    Mean { layer: LayerNorm },
    Square { layer: RmsNorm },
}

const EPS: f32 = 1e-6;

impl Norm {
    /// The norm `name` of a kind of tower.
    pub(super) fn load(w: &Weights, name: &str, width: i32, kind: Kind) -> Result<Self> {
        Ok(match kind {
            Kind::Windowed => Self::Square { layer: w.rms_norm(name, width, EPS)? },
            Kind::Second | Kind::Third | Kind::Hybrid => {
                let options = LayerNormOptions { eps: EPS, ..LayerNormOptions::default() };
                Self::Mean { layer: LayerNorm::load(&w.at(name), width, options)? }
            }
        })
    }

    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        match self {
            Self::Mean { layer } => layer.forward(x),
            Self::Square { layer } => layer.forward(x),
        }
    }
}
