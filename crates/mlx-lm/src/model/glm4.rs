//! GLM 4: norms on both sides of attention and of the fused gated layer, and a partial rotation.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, Weights};
use serde::Deserialize;

use super::part::{Attention, AttentionOptions, Block, Dense, Frame, GatedMlp, GatedOptions, Norm};
use crate::Result;
use crate::cache::{LayerCache, Mask};
use crate::config::Config;

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    attention_bias: bool,
    num_nextn_predict_layers: Option<usize>,
}

#[derive(Module)]
pub(super) struct Glm4Block {
    self_attn: Attention,
    mlp: GatedMlp,
    input_layernorm: Norm,
    post_self_attn_layernorm: Norm,
    post_attention_layernorm: Norm,
    post_mlp_layernorm: Norm,
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<Glm4Block>> {
    let settings: Settings = config.parse()?;
    let frame = Frame::read(config, |_| false)?;
    if settings.num_nextn_predict_layers.is_some_and(|layers| layers > 0) {
        frame.ignore_predictors(w);
    }
    let mlp = GatedOptions { fused: true, ..frame.mlp() };
    Dense::load(w, &frame, |w, layer| {
        let attention = AttentionOptions { bias: settings.attention_bias, ..frame.attention(layer)? };
        Ok(Glm4Block {
            self_attn: Attention::load(&w.at("self_attn"), &frame.sizes, attention)?,
            mlp: GatedMlp::load(&w.at("mlp"), &frame.sizes, mlp)?,
            input_layernorm: frame.norm(w, "input_layernorm")?,
            post_self_attn_layernorm: frame.norm(w, "post_self_attn_layernorm")?,
            post_attention_layernorm: frame.norm(w, "post_attention_layernorm")?,
            post_mlp_layernorm: frame.norm(w, "post_mlp_layernorm")?,
        })
    })
}

impl Block for Glm4Block {
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        let attended = self.self_attn.forward(&self.input_layernorm.forward(x)?, mask, cache)?;
        let h = (x + self.post_self_attn_layernorm.forward(&attended)?)?;
        let fed = self.mlp.forward(&self.post_attention_layernorm.forward(&h)?)?;
        h + self.post_mlp_layernorm.forward(&fed)?
    }
}
