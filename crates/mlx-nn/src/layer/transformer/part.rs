//! What the layers of encoders and decoders have in common.

use mlx_core::fast::Mask;
use mlx_core::random::Key;
use mlx_core::{Array, Result, Tree};

use super::TransformerOptions;
use crate::{Dropout, LayerNorm, LayerNormOptions, Linear, Module, Nonlinearity, Weights};

/// How the parts of a layer are put together: each is added to its input.
#[derive(Clone, Debug, Module)]
pub(super) struct Residual {
    dropout: Dropout,
    norm_first: bool,
}

/// The two linear layers.
#[derive(Clone, Debug, Module)]
pub(super) struct FeedForward {
    linear1: Linear,
    linear2: Linear,
    activation: Nonlinearity,
    dropout: Dropout,
}

/// A mask that is kept for a gradient.
#[derive(Clone, Debug, Tree)]
pub(super) enum KeptMask {
    None,
    Causal,
    Array(Array),
}

impl Residual {
    pub(super) fn new(options: TransformerOptions) -> crate::Result<Self> {
        Ok(Self { dropout: Dropout::new(options.dropout)?, norm_first: options.norm_first })
    }

    /// `x` and what `part` makes of it, normalised before or after.
    #[track_caller]
    pub(super) fn add(
        &self,
        norm: &LayerNorm,
        x: &Array,
        part: impl FnOnce(&Array) -> Result<Array>,
    ) -> Result<Array> {
        if self.norm_first { x + part(&norm.forward(x)?)? } else { norm.forward(&(x + part(x)?)?) }
    }

    /// [`add`](Self::add) with dropout after the part.
    #[track_caller]
    pub(super) fn add_dropped(
        &self,
        norm: &LayerNorm,
        x: &Array,
        key: Option<&mut Key>,
        part: impl FnOnce(&Array) -> Result<Array>,
    ) -> Result<Array> {
        self.add(norm, x, |y| self.dropout.forward(&part(y)?, key))
    }
}

impl FeedForward {
    pub(super) fn load(w: &Weights, dims: i32, options: TransformerOptions) -> crate::Result<Self> {
        let inner = options.mlp_dims.unwrap_or(dims.saturating_mul(4));
        Ok(Self {
            linear1: w.linear_with_bias("linear1", [inner, dims], true)?,
            linear2: w.linear_with_bias("linear2", [dims, inner], true)?,
            activation: options.activation,
            dropout: Dropout::new(options.dropout)?,
        })
    }

    #[track_caller]
    pub(super) fn forward(&self, x: &Array, key: Option<&mut Key>) -> Result<Array> {
        let inner = self.activation.apply(&self.linear1.forward(x)?)?;
        self.linear2.forward(&self.dropout.forward(&inner, key)?)
    }
}

impl KeptMask {
    pub(super) fn lend(&self) -> Mask<'_> {
        match self {
            Self::None => Mask::None,
            Self::Causal => Mask::Causal,
            Self::Array(array) => Mask::Array(array),
        }
    }
}

impl From<Mask<'_>> for KeptMask {
    fn from(mask: Mask<'_>) -> Self {
        match mask {
            Mask::None => Self::None,
            Mask::Causal => Self::Causal,
            Mask::Array(array) => Self::Array(array.clone()),
        }
    }
}

/// The norm `name` of `dims` features.
pub(super) fn norm(w: &Weights, name: &str, dims: i32) -> crate::Result<LayerNorm> {
    LayerNorm::load(&w.at(name), dims, LayerNormOptions::default())
}
