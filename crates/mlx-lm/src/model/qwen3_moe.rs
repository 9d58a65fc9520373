//! Qwen 3 with experts: some layers are mixtures, chosen by their number.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{AttentionOptions, Dense, Feed, Frame, PreNorm, SparseMoe, late};
use crate::Result;
use crate::config::Config;

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    attention_bias: bool,
    use_qk_norm: Option<bool>,
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm<Feed>>> {
    let settings: Settings = config.parse()?;
    let frame = Frame::read(config, late(config)?)?;
    let moe = SparseMoe::read(config, frame.mlp(), false)?;
    Dense::load(w, &frame, |w, layer| {
        let attention = AttentionOptions {
            bias: settings.attention_bias,
            output_bias: settings.attention_bias,
            head_norms: Some(frame.norms).filter(|_| settings.use_qk_norm.unwrap_or(true)),
            ..frame.attention(layer)?
        };
        PreNorm::with_experts(w, &frame, attention, moe.at(layer))
    })
}
