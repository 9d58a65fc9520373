//! Qwen 3: a Llama whose queries and keys are normalised, each head by itself.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{AttentionOptions, Dense, Frame, PreNorm};
use crate::Result;
use crate::config::Config;

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    use_sliding_window: bool,
    #[serde(default)]
    max_window_layers: usize,
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm>> {
    let settings: Settings = config.parse()?;
    let slides = |layer| settings.use_sliding_window && layer >= settings.max_window_layers;
    let frame = Frame::read(config, slides)?;
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
