//! Qwen 3: a Llama whose queries and keys are normalised, each head by itself.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{AttentionOptions, Dense, Frame, PreNorm, late};
use crate::Result;
use crate::config::Config;

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    attention_bias: bool,
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm>> {
    let settings: Settings = config.parse()?;
    let frame = Frame::read(config, late(config)?)?;
    Dense::load(w, &frame, |w, layer| {
        let attention = AttentionOptions {
            bias: settings.attention_bias,
            output_bias: settings.attention_bias,
            head_norms: Some(frame.norms),
            ..frame.attention(layer)?
        };
        PreNorm::load(w, &frame, attention, frame.mlp())
    })
}
