//! Qwen 2 with experts, one of which every token passes as far as a gate lets it.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{Attention, AttentionOptions, Dense, Feed, Frame, PreNorm, SparseMoe};
use crate::Result;
use crate::config::Config;

#[derive(Deserialize)]
struct Settings {
    qkv_bias: Option<bool>,
    #[serde(default)]
    use_sliding_window: bool,
    #[serde(default)]
    max_window_layers: usize,
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm<Feed>>> {
    let settings: Settings = config.parse()?;
    let slides = |layer| settings.use_sliding_window && layer >= settings.max_window_layers;
    let frame = Frame::read(config, slides)?;
    let moe = SparseMoe::read(config, frame.mlp(), false)?;
    Dense::load(w, &frame, |w, layer| {
        let attention =
            AttentionOptions { bias: settings.qkv_bias.unwrap_or(true), ..frame.attention(layer)? };
        let attention = Attention::load(&w.at("self_attn"), &frame.sizes, attention)?;
        let mlp = Feed::load(&w.at("mlp"), &frame.sizes, frame.mlp(), moe.at(layer))?;
        PreNorm::around(w, &frame, attention, mlp)
    })
}
