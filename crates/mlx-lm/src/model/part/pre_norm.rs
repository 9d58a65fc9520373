//! The block of most decoders.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, Weights};

use super::{Attention, AttentionOptions, Block, Frame, GatedMlp, GatedOptions, Norm};
use crate::Result;
use crate::cache::{LayerCache, Mask};

/// Attention and a gated layer, each behind a norm.
#[derive(Module)]
pub(crate) struct PreNorm {
    self_attn: Attention,
    mlp: GatedMlp,
    input_layernorm: Norm,
    post_attention_layernorm: Norm,
}

impl PreNorm {
    /// The block at the path of `w`.
    pub(crate) fn load(
        w: &Weights,
        frame: &Frame,
        attention: AttentionOptions,
        mlp: GatedOptions,
    ) -> Result<Self> {
        Ok(Self {
            self_attn: Attention::load(&w.at("self_attn"), &frame.sizes, attention)?,
            mlp: GatedMlp::load(&w.at("mlp"), &frame.sizes, mlp)?,
            input_layernorm: frame.norm(w, "input_layernorm")?,
            post_attention_layernorm: frame.norm(w, "post_attention_layernorm")?,
        })
    }
}

impl Block for PreNorm {
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        let h = (x + self.self_attn.forward(&self.input_layernorm.forward(x)?, mask, cache)?)?;
        &h + self.mlp.forward(&self.post_attention_layernorm.forward(&h)?)?
    }
}
