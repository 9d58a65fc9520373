//! A layer of the tower, whose parts are scaled feature by feature before they are added.
//!
//! Touvron et al., "Going deeper with Image Transformers" (LayerScale).

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{LayerNorm, LayerNormOptions, Module, RmsNorm, Weights};
use mlx_vision::{Attention, AttentionNorms, AttentionOptions, FeedForward};

use super::config::Vision;
use super::names::Names;
use crate::Result;

/// Attention and two linear layers, each behind a norm.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Layer {
    norms: [Norm; 2],
    attention: Attention,
    mlp: FeedForward,
    scales: [Array; 2],
}

/// The norm before a part.
#[derive(Module)]
#[module(no_tree)]
enum Norm {
    Layer(LayerNorm),
    Rms(RmsNorm),
}

/// What norms of queries and keys add to the mean square.
const EPS: f32 = 1e-6;

impl Layer {
    pub(super) fn load(w: &Weights, names: &Names, config: &Vision) -> Result<Self> {
        let Vision { width, inner, heads, .. } = *config;
        let norms = config.norms_queries.then_some(AttentionNorms { eps: EPS, each: false });
        let options = AttentionOptions { bias: config.bias, output_bias: true, norms };
        let inside = w.at(names.attention);
        let attention = Attention::load_with(&inside, names.projections, [width, heads], options)?;
        let [first, second] = names.norms;
        let [before, after] = names.scales;
        let ones = |shape: &[i32], _: &_| Array::ones(shape, mlx_core::Dtype::Float32);
        Ok(Self {
            norms: [Norm::load(w, first, config)?, Norm::load(w, second, config)?],
            attention,
            mlp: FeedForward::load(&w.at("mlp"), ["fc1", "fc2"], [width, inner], config.activation()?)?,
            scales: [w.parameter(before, [width], ones)?, w.parameter(after, [width], ones)?],
        })
    }

    /// `[patches, width] -> [patches, width]`. Patches see those of their group.
    pub(super) fn forward(&self, x: &Array, groups: &[i32]) -> MlxResult<Array> {
        let zero = Array::zeros([1], x.dtype())?;
        let ([first, second], [before, after]) = (&self.norms, &self.scales);
        let seen = self.attention.forward(&first.forward(x)?, None, groups, &zero)?;
        let x = (x + (seen * before)?)?;
        let made = self.mlp.forward(&second.forward(&x)?, &zero)?;
        &x + (made * after)?
    }
}

impl Norm {
    fn load(w: &Weights, name: &str, config: &Vision) -> Result<Self> {
        let options = LayerNormOptions { eps: config.eps, ..LayerNormOptions::default() };
        Ok(if config.rms {
            Self::Rms(w.rms_norm(name, config.width, config.eps)?)
        } else {
            Self::Layer(LayerNorm::load(&w.at(name), config.width, options)?)
        })
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        match self {
            Self::Layer(norm) => norm.forward(x),
            Self::Rms(norm) => norm.forward(x),
        }
    }
}
