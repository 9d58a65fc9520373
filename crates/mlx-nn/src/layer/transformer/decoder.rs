//! The decoder of a transformer.

use mlx_core::fast::Mask;
use mlx_core::random::Key;
use mlx_core::transform::checkpoint;
use mlx_core::{Array, Result};

use super::TransformerOptions;
use super::part::{FeedForward, KeptMask, Residual, norm};
use crate::{LayerNorm, Module, MultiHeadAttention, Weights};

/// Layers of attention of a sequence to itself and to another, the memory.
#[derive(Clone, Debug, Module)]
pub struct TransformerDecoder {
    layers: Vec<TransformerDecoderLayer>,
    ln: LayerNorm,
    checkpoint: bool,
}

/// Attention of a sequence to itself, then to the memory, then two linear layers, each added to its input.
#[derive(Clone, Debug, Module)]
pub struct TransformerDecoderLayer {
    self_attention: MultiHeadAttention,
    cross_attention: MultiHeadAttention,
    ln1: LayerNorm,
    ln2: LayerNorm,
    ln3: LayerNorm,
    #[module(flatten)]
    mlp: FeedForward,
    #[module(flatten)]
    residual: Residual,
}

impl TransformerDecoder {
    /// The decoder at the path of `w`, of `layers` layers.
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
        let layers = layers.map(|w| TransformerDecoderLayer::load(&w, dims, num_heads, options));
        Ok(Self {
            layers: layers.collect::<crate::Result<_>>()?,
            ln: norm(w, "ln", dims)?,
            checkpoint: options.checkpoint,
        })
    }

    /// `[batch, length, dims]` and a memory `[batch, others, dims]` give `[batch, length, dims]`. The masks are those
    /// of the sequence and of the memory.
    #[track_caller]
    pub fn forward(
        &self,
        x: &Array,
        memory: &Array,
        masks: [Mask<'_>; 2],
        mut key: Option<&mut Key>,
    ) -> Result<Array> {
        let mut x = x.clone();
        for layer in &self.layers {
            let key = key.as_deref_mut().map(Key::next).transpose()?;
            x = if self.checkpoint {
                layer.forward_again(&x, memory, masks, key)?
            } else {
                layer.forward(&x, memory, masks, key.clone().as_mut())?
            };
        }
        self.ln.forward(&x)
    }
}

impl TransformerDecoderLayer {
    /// The layer at the path of `w`.
    ///
    /// # Errors
    /// The heads do not divide `dims`, or the dropout is no probability.
    pub fn load(w: &Weights, dims: i32, num_heads: i32, options: TransformerOptions) -> crate::Result<Self> {
        let attention = |name| MultiHeadAttention::load(&w.at(name), dims, num_heads, Default::default());
        Ok(Self {
            self_attention: attention("self_attention")?,
            cross_attention: attention("cross_attention")?,
            ln1: norm(w, "ln1", dims)?,
            ln2: norm(w, "ln2", dims)?,
            ln3: norm(w, "ln3", dims)?,
            mlp: FeedForward::load(w, dims, options)?,
            residual: Residual::new(options)?,
        })
    }

    /// `[batch, length, dims]` and a memory `[batch, others, dims]` give `[batch, length, dims]`. The masks are those
    /// of the sequence and of the memory.
    #[track_caller]
    pub fn forward(
        &self,
        x: &Array,
        memory: &Array,
        [mask, memory_mask]: [Mask<'_>; 2],
        mut key: Option<&mut Key>,
    ) -> Result<Array> {
        let attend = |y: &Array| self.self_attention.forward(y, y, y, mask);
        let x = self.residual.add_dropped(&self.ln1, x, key.as_deref_mut(), attend)?;
        let look = |y: &Array| self.cross_attention.forward(y, memory, memory, memory_mask);
        let x = self.residual.add_dropped(&self.ln2, &x, key.as_deref_mut(), look)?;
        self.residual.add(&self.ln3, &x, |y| self.mlp.forward(y, key))
    }

    /// [`forward`](Self::forward), which a gradient computes again.
    #[track_caller]
    fn forward_again(
        &self,
        x: &Array,
        memory: &Array,
        masks: [Mask<'_>; 2],
        key: Option<Key>,
    ) -> Result<Array> {
        type Given = (TransformerDecoderLayer, [Array; 2], [KeptMask; 2], Option<Key>);
        let run = checkpoint(|(layer, [x, memory], [mask, memory_mask], key): &Given| {
            layer.forward(x, memory, [mask.lend(), memory_mask.lend()], key.clone().as_mut())
        });
        run(&(self.clone(), [x.clone(), memory.clone()], masks.map(KeptMask::from), key))
    }
}
