//! Qwen 2 with experts, one of which every token passes as far as a gate lets it.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{AttentionOptions, Dense, Feed, Frame, PreNorm, SparseMoe, late};
use crate::Result;
use crate::config::Config;

#[derive(Deserialize)]
struct Settings {
    qkv_bias: Option<bool>,
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm<Feed>>> {
    let settings: Settings = config.parse()?;
    let frame = Frame::read(config, late(config)?)?;
    let moe = SparseMoe::read(config, frame.mlp(), false)?;
    Dense::load(w, &frame, |w, layer| {
        let attention =
            AttentionOptions { bias: settings.qkv_bias.unwrap_or(true), ..frame.attention(layer)? };
        PreNorm::with_experts(w, &frame, attention, moe.at(layer))
    })
}
