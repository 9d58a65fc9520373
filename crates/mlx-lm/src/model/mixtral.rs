//! Mixtral: a Mistral each of whose layers has experts.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, Weights};
use serde::Deserialize;

use super::part::{Attention, Block, Dense, FeedForward, Frame, Moe, MoeOptions, Norm, Routing, Scores};
use crate::Result;
use crate::cache::{LayerCache, Mask};
use crate::config::Config;

#[derive(Deserialize)]
struct Settings {
    num_local_experts: i32,
    num_experts_per_tok: i32,
}

#[derive(Module)]
pub(super) struct MixtralBlock {
    self_attn: Attention,
    block_sparse_moe: Moe,
    input_layernorm: Norm,
    post_attention_layernorm: Norm,
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<MixtralBlock>> {
    let Settings { num_local_experts: experts, num_experts_per_tok: chosen } = config.parse()?;
    let frame = Frame::read(config, |_| true)?;
    let moe = MoeOptions {
        routing: Routing { experts, chosen, scores: Scores::SoftmaxOfChosen }.checked()?,
        inner: frame.sizes.inner,
        mlp: frame.mlp(),
        shared: None,
    };
    Dense::load(w, &frame, |w, layer| {
        Ok(MixtralBlock {
            self_attn: Attention::load(&w.at("self_attn"), &frame.sizes, frame.attention(layer)?)?,
            block_sparse_moe: Moe::load(&w.at("block_sparse_moe"), &frame.sizes, &moe)?,
            input_layernorm: frame.norm(w, "input_layernorm")?,
            post_attention_layernorm: frame.norm(w, "post_attention_layernorm")?,
        })
    })
}

impl Block for MixtralBlock {
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        let h = (x + self.self_attn.forward(&self.input_layernorm.forward(x)?, mask, cache)?)?;
        &h + self.block_sparse_moe.forward(&self.post_attention_layernorm.forward(&h)?)?
    }
}
