//! The block of Gemma 2 and 3.

use mlx_core::{Array, Dtype, Result as MlxResult};
use mlx_nn::{Module, Weights};

use crate::Result;
use crate::cache::{LayerCache, Mask};
use crate::model::part::{Attention, AttentionOptions, Block, Frame, GatedMlp, GatedOptions, Norm};

/// Attention and a gated layer, each between two norms.
#[derive(Module)]
pub(in crate::model) struct Sandwich {
    self_attn: Attention,
    mlp: GatedMlp,
    input_layernorm: Norm,
    post_attention_layernorm: Norm,
    pre_feedforward_layernorm: Norm,
    post_feedforward_layernorm: Norm,
}

impl Sandwich {
    /// The block at the path of `w`.
    pub(super) fn load(
        w: &Weights,
        frame: &Frame,
        attention: AttentionOptions,
        mlp: GatedOptions,
    ) -> Result<Self> {
        let norm = |name| frame.norm(w, name);
        Ok(Self {
            self_attn: Attention::load(&w.at("self_attn"), &frame.sizes, attention)?,
            mlp: GatedMlp::load(&w.at("mlp"), &frame.sizes, mlp)?,
            input_layernorm: norm("input_layernorm")?,
            post_attention_layernorm: norm("post_attention_layernorm")?,
            pre_feedforward_layernorm: norm("pre_feedforward_layernorm")?,
            post_feedforward_layernorm: norm("post_feedforward_layernorm")?,
        })
    }
}

impl Block for Sandwich {
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        let attended = self.self_attn.forward(&self.input_layernorm.forward(x)?, mask, cache)?;
        let h = sum(x, &self.post_attention_layernorm.forward(&attended)?)?;
        let fed = self.mlp.forward(&self.pre_feedforward_layernorm.forward(&h)?)?;
        sum(&h, &self.post_feedforward_layernorm.forward(&fed)?)
    }
}

/// `x + y`, which goes beyond the range of `float16` in these models and is kept in it.
fn sum(x: &Array, y: &Array) -> MlxResult<Array> {
    if x.dtype() != Dtype::Float16 {
        return x + y;
    }
    const MOST: f32 = 65504.0;
    (x.astype(Dtype::Float32)? + y.astype(Dtype::Float32)?)?.clip(-MOST..=MOST)?.astype(Dtype::Float16)
}
