//! The block of most decoders.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, Weights};

use super::{Attention, AttentionOptions, Block, GatedMlp, GatedOptions, Norm, Norms, Sizes};
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
        sizes: &Sizes,
        norms: Norms,
        attention: AttentionOptions,
        mlp: GatedOptions,
    ) -> Result<Self> {
        Ok(Self {
            self_attn: Attention::load(&w.at("self_attn"), sizes, attention)?,
            mlp: GatedMlp::load(&w.at("mlp"), sizes, mlp)?,
            input_layernorm: norms.load(w, "input_layernorm", sizes.hidden)?,
            post_attention_layernorm: norms.load(w, "post_attention_layernorm", sizes.hidden)?,
        })
    }
}

impl Block for PreNorm {
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        let h = (x + self.self_attn.forward(&self.input_layernorm.forward(x)?, mask, cache)?)?;
        &h + self.mlp.forward(&self.post_attention_layernorm.forward(&h)?)?
    }
}
