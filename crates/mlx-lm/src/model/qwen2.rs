//! Qwen 2 and 2.5: a Llama whose queries, keys and values have biases.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{AttentionOptions, Dense, Frame, PreNorm, late};
use crate::Result;
use crate::config::Config;

#[derive(Deserialize)]
struct Settings {
    attention_bias: Option<bool>,
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm>> {
    let settings: Settings = config.parse()?;
    let frame = Frame::read(config, late(config)?)?;
    Dense::load(w, &frame, |w, layer| {
        let bias = settings.attention_bias.unwrap_or(true);
        PreNorm::load(w, &frame, AttentionOptions { bias, ..frame.attention(layer)? }, frame.mlp())
    })
}
