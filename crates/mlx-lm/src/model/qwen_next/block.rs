//! The block of these decoders.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::Module;

use crate::cache::{LayerCache, Mask};
use crate::model::part::{Attention, Block, Feed, FeedForward, GatedDelta, Norm};

/// The gated delta rule or attention, and a gated layer or experts, each behind a norm.
#[derive(Module)]
pub(in crate::model) struct Mixed {
    #[module(flatten)]
    pub(super) mixer: Mixer,
    pub(super) mlp: Feed,
    pub(super) input_layernorm: Norm,
    pub(super) post_attention_layernorm: Norm,
}

/// What brings tokens together.
#[derive(Module)]
pub(in crate::model) enum Mixer {
    Delta { linear_attn: GatedDelta },
    Attention { self_attn: Attention },
}

impl Block for Mixed {
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        let normed = self.input_layernorm.forward(x)?;
        let mixed = match &self.mixer {
            Mixer::Delta { linear_attn } => linear_attn.forward(&normed, cache)?,
            Mixer::Attention { self_attn } => self_attn.forward(&normed, mask, cache)?,
        };
        let h = (x + mixed)?;
        &h + self.mlp.forward(&self.post_attention_layernorm.forward(&h)?)?
    }

    fn cache(&self, attention: LayerCache) -> LayerCache {
        match self.mixer {
            Mixer::Delta { .. } => GatedDelta::cache(),
            Mixer::Attention { .. } => attention,
        }
    }
}
