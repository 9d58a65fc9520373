//! The layers of the encoder and the decoder, whose norms come behind what is added.

use mlx_core::fast::Mask;
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{LayerNorm, Module, Weights};
use mlx_vision::{Activation, FeedForward};

use super::attention::{Attention, Memory};
use crate::Result;
use crate::florence2::config::Text;
use crate::florence2::davit::norm;

/// Tokens that see all others.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct EncoderLayer {
    attention: Attention,
    attention_norm: LayerNorm,
    feed_forward: FeedForward,
    last_norm: LayerNorm,
}

/// Tokens that see those before them, then what the encoder gave.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct DecoderLayer {
    attention: Attention,
    attention_norm: LayerNorm,
    cross: Attention,
    cross_norm: LayerNorm,
    feed_forward: FeedForward,
    last_norm: LayerNorm,
}

impl EncoderLayer {
    pub(super) fn load(w: &Weights, config: &Text) -> Result<Self> {
        let (width, heads) = (config.d_model, config.encoder_attention_heads);
        Ok(Self {
            attention: Attention::load(&w.at("self_attn"), width, heads)?,
            attention_norm: norm(w, "self_attn_layer_norm", width)?,
            feed_forward: feed_forward(w, config, config.encoder_ffn_dim)?,
            last_norm: norm(w, "final_layer_norm", width)?,
        })
    }

    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let x = self.attention.forward(x, &self.attention.memory(x)?, Mask::None)?;
        let x = self.attention_norm.forward(&x)?;
        self.last_norm.forward(&self.feed_forward.forward(&x, &x)?)
    }
}

impl DecoderLayer {
    pub(super) fn load(w: &Weights, config: &Text) -> Result<Self> {
        let (width, heads) = (config.d_model, config.decoder_attention_heads);
        Ok(Self {
            attention: Attention::load(&w.at("self_attn"), width, heads)?,
            attention_norm: norm(w, "self_attn_layer_norm", width)?,
            cross: Attention::load(&w.at("encoder_attn"), width, heads)?,
            cross_norm: norm(w, "encoder_attn_layer_norm", width)?,
            feed_forward: feed_forward(w, config, config.decoder_ffn_dim)?,
            last_norm: norm(w, "final_layer_norm", width)?,
        })
    }

    /// What the layer sees of the encoder's vectors.
    pub(super) fn memory(&self, encoded: &Array) -> MlxResult<Memory> {
        self.cross.memory(encoded)
    }

    /// `[rows, length, width] -> [rows, length, width]`, behind what `own` holds, which takes up the new ones.
    pub(super) fn forward(&self, x: &Array, seen: &Memory, own: &mut Option<Memory>) -> MlxResult<Array> {
        let new = self.attention.memory(x)?;
        let all = match own.take() {
            Some(before) => before.then(&new)?,
            None => new,
        };
        let x = self.attention_norm.forward(&self.attention.forward(x, &all, Mask::Causal)?)?;
        *own = Some(all);
        let x = self.cross_norm.forward(&self.cross.forward(&x, seen, Mask::None)?)?;
        self.last_norm.forward(&self.feed_forward.forward(&x, &x)?)
    }
}

fn feed_forward(w: &Weights, config: &Text, inner: i32) -> Result<FeedForward> {
    let activation = Activation::named(&config.activation_function)?;
    Ok(FeedForward::load(w, ["fc1", "fc2"], [config.d_model, inner], activation)?)
}
