//! Layer normalisation.

use mlx_core::{Array, fast};

use super::{Affine, positive};
use crate::layer::layers;
use crate::{Module, Result, Weights};

/// Normalises vectors: subtracts the mean and divides by the deviation of the features.
///
/// Ba et al., "Layer Normalization".
#[derive(Clone, Debug, Module)]
pub struct LayerNorm {
    #[module(flatten)]
    affine: Option<Affine>,
    eps: f32,
}

/// What a [`LayerNorm`] has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNormOptions {
    /// What is added to the variance.
    pub eps: f32,
    /// Whether features are scaled.
    pub affine: bool,
    /// Whether features are also moved; nothing without `affine`.
    pub bias: bool,
}

impl Default for LayerNormOptions {
    fn default() -> Self {
        Self { eps: 1e-5, affine: true, bias: true }
    }
}

impl LayerNorm {
    /// A layer with these scales and offsets; `eps` is added to the variance.
    ///
    /// # Errors
    /// `eps` is not positive.
    pub fn new(affine: Option<Affine>, eps: f32) -> Result<Self> {
        Ok(Self { affine, eps: positive(eps)? })
    }

    /// The layer at the path of `w`, over `width` features.
    ///
    /// # Errors
    /// `eps` is not positive.
    pub fn load(w: &Weights, width: i32, options: LayerNormOptions) -> Result<Self> {
        let LayerNormOptions { eps, affine, bias } = options;
        let affine = affine.then(|| Affine::load(w, width, bias)).transpose()?;
        Self::new(affine, eps)
    }

    /// `[…, width] -> […, width]`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> mlx_core::Result<Array> {
        let weight = self.affine.as_ref().map(|affine| &affine.weight);
        let bias = self.affine.as_ref().and_then(|affine| affine.bias.as_ref());
        fast::layer_norm(x, weight, bias, self.eps)
    }
}

layers!(LayerNorm);
