//! The encoder of a transformer.

use mlx_core::fast::Mask;
use mlx_core::random::Key;
use mlx_core::transform::checkpoint;
use mlx_core::{Array, Result};

use super::TransformerOptions;
use super::part::{FeedForward, KeptMask, Residual, norm};
use crate::{LayerNorm, Module, MultiHeadAttention, Weights};

/// Layers of attention of a sequence to itself.
#[derive(Clone, Debug, Module)]
pub struct TransformerEncoder {
    layers: Vec<TransformerEncoderLayer>,
    ln: LayerNorm,
    checkpoint: bool,
}

/// Attention of a sequence to itself, then two linear layers, each added to its input.
#[derive(Clone, Debug, Module)]
pub struct TransformerEncoderLayer {
    attention: MultiHeadAttention,
    ln1: LayerNorm,
    ln2: LayerNorm,
    #[module(flatten)]
    mlp: FeedForward,
    #[module(flatten)]
    residual: Residual,
}

impl TransformerEncoder {
    /// The encoder at the path of `w`, of `layers` layers.
    ///
    /// # Errors
    /// The heads do not divide `dims`, or the dropout is no probability.
    pub fn load(
        w: &Weights,
        layers: usize,
        dims: i32,
        num_heads: i32,
        options: TransformerOptions,
    ) -> crate::Result<Self> {
        let layers = w.each("layers", layers);
        let layers = layers.map(|w| TransformerEncoderLayer::load(&w, dims, num_heads, options));
        Ok(Self {
            layers: layers.collect::<crate::Result<_>>()?,
            ln: norm(w, "ln", dims)?,
            checkpoint: options.checkpoint,
        })
    }

    /// `[batch, length, dims] -> [batch, length, dims]`.
    #[track_caller]
    pub fn forward(&self, x: &Array, mask: Mask<'_>, mut key: Option<&mut Key>) -> Result<Array> {
        let mut x = x.clone();
        for layer in &self.layers {
            let key = key.as_deref_mut().map(Key::next).transpose()?;
            x = if self.checkpoint {
                layer.forward_again(&x, mask, key)?
            } else {
                layer.forward(&x, mask, key.clone().as_mut())?
            };
        }
        self.ln.forward(&x)
    }
}

impl TransformerEncoderLayer {
    /// The layer at the path of `w`.
    ///
    /// # Errors
    /// The heads do not divide `dims`, or the dropout is no probability.
    pub fn load(w: &Weights, dims: i32, num_heads: i32, options: TransformerOptions) -> crate::Result<Self> {
        Ok(Self {
            attention: MultiHeadAttention::load(&w.at("attention"), dims, num_heads, Default::default())?,
            ln1: norm(w, "ln1", dims)?,
            ln2: norm(w, "ln2", dims)?,
            mlp: FeedForward::load(w, dims, options)?,
            residual: Residual::new(options)?,
        })
    }

    /// `[batch, length, dims] -> [batch, length, dims]`.
    #[track_caller]
    pub fn forward(&self, x: &Array, mask: Mask<'_>, mut key: Option<&mut Key>) -> Result<Array> {
        let attend = |y: &Array| self.attention.forward(y, y, y, mask);
        let x = self.residual.add_dropped(&self.ln1, x, key.as_deref_mut(), attend)?;
        self.residual.add(&self.ln2, &x, |y| self.mlp.forward(y, key))
    }

    /// [`forward`](Self::forward), which a gradient computes again.
    #[track_caller]
    fn forward_again(&self, x: &Array, mask: Mask<'_>, key: Option<Key>) -> Result<Array> {
        let run = checkpoint(|(layer, x, mask, key): &(Self, Array, KeptMask, Option<Key>)| {
            layer.forward(x, mask.lend(), key.clone().as_mut())
        });
        run(&(self.clone(), x.clone(), mask.into(), key))
    }
}
