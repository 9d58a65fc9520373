//! DeepSeek V2 as DeepSeek-OCR has it: plain attention, and experts beside shared ones from some layer on.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{AttentionOptions, Dense, Feed, Frame, GroupedMoe, PreNorm};
use crate::config::Config;
use crate::{Error, Result};

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    attention_bias: bool,
    use_mla: Option<bool>,
    #[serde(default)]
    qk_nope_head_dim: i32,
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm<Feed>>> {
    let Settings { attention_bias, use_mla, qk_nope_head_dim } = config.parse()?;
    if use_mla.unwrap_or(qk_nope_head_dim > 0) {
        let problem = "latent attention of a `deepseek_v2` is not supported: use_mla must be false";
        return Err(Error::Config(problem.into()));
    }
    let frame = Frame::read(config, |_| false)?;
    let moe = GroupedMoe::by_softmax(config, frame.mlp())?;
    Dense::load(w, &frame, |w, layer| {
        let attention =
            AttentionOptions { bias: attention_bias, output_bias: attention_bias, ..frame.attention(layer)? };
        PreNorm::with_experts(w, &frame, attention, moe.at(layer))
    })
}
