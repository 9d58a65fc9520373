//! Root mean square normalisation, with the scales as a family stores them.

use mlx_core::{Array, Dtype, Result as MlxResult, fast};
use mlx_nn::{Module, RmsNorm, Weights};
use serde::Deserialize;

use crate::Result;
use crate::config::Config;

/// How the norms of a decoder are built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Norms {
    eps: f32,
    scale: Scale,
}

/// What is stored of the scales.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    Whole,
    /// 1 less, and so they stay.
    LessOne,
    /// 1 less, which is added when they are read.
    Incomplete,
}

#[derive(Deserialize)]
struct Stored {
    rms_norm_eps: f32,
}

impl Norms {
    /// Norms that scale by their weights.
    pub(crate) fn read(config: &Config) -> Result<Self> {
        let Stored { rms_norm_eps: eps } = config.parse()?;
        Ok(Self { eps, scale: Scale::Whole })
    }

    /// Norms that scale by 1 more than their weights, as Gemma's do.
    pub(crate) fn plus_one(self) -> Self {
        Self { scale: Scale::LessOne, ..self }
    }

    /// Norms that scale by 1 more than what is stored, and hold what they scale by: MLX's form of such checkpoints.
    pub(crate) fn completed(self) -> Self {
        Self { scale: Scale::Incomplete, ..self }
    }

    /// A norm that does not scale.
    pub(crate) fn unscaled(self) -> Norm {
        Norm::Unscaled { eps: self.eps }
    }

    /// The norm `name` of `width` features.
    pub(crate) fn load(self, w: &Weights, name: &str, width: i32) -> Result<Norm> {
        if self.scale == Scale::Whole {
            return Ok(Norm::Plain(w.rms_norm(name, width, self.eps)?));
        }
        let zeros = |shape: &[i32], _: &_| Array::zeros(shape, Dtype::Float32);
        let weight = w.at(name).parameter("weight", [width], zeros)?;
        Ok(match self.scale {
            Scale::Incomplete => Norm::Plain(RmsNorm::new((weight + 1.0)?, self.eps)),
            Scale::Whole | Scale::LessOne => Norm::PlusOne(PlusOne { weight, eps: self.eps }),
        })
    }
}

/// Divides vectors by their root mean square, and scales each feature.
#[derive(Module)]
pub(crate) enum Norm {
    /// By the weights.
    Plain(RmsNorm),
    /// By 1 more than the weights.
    PlusOne(PlusOne),
    /// Not at all.
    Unscaled { eps: f32 },
}

/// The weights of a [`Norm::PlusOne`].
#[derive(Module)]
pub(crate) struct PlusOne {
    weight: Array,
    eps: f32,
}

impl Norm {
    /// `[…, width] -> […, width]`.
    pub(crate) fn forward(&self, x: &Array) -> MlxResult<Array> {
        match self {
            Self::Plain(norm) => norm.forward(x),
            Self::PlusOne(norm) => fast::rms_norm(x, Some(&(&norm.weight + 1.0)?), norm.eps),
            Self::Unscaled { eps } => fast::rms_norm(x, None, *eps),
        }
    }

    /// What it scales by, and what is added to the mean square, if those are the weights.
    pub(crate) fn plain(&self) -> Option<(&Array, f32)> {
        match self {
            Self::Plain(norm) => Some(norm.parts()),
            Self::PlusOne(_) | Self::Unscaled { .. } => None,
        }
    }

    /// `x + y`, and its norm.
    pub(crate) fn forward_sum(&self, x: &Array, y: &Array) -> MlxResult<(Array, Array)> {
        if let Self::Plain(norm) = self {
            return norm.forward_sum(x, y);
        }
        let sum = (x + y)?;
        let normal = self.forward(&sum)?;
        Ok((sum, normal))
    }
}
