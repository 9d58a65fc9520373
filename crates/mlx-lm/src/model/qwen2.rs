//! Qwen 2 and 2.5: a Llama whose queries, keys and values have biases.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{AttentionOptions, Dense, Frame, PreNorm};
use crate::Result;
use crate::config::Config;

#[derive(Deserialize)]
struct Settings {
    attention_bias: Option<bool>,
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
        let bias = settings.attention_bias.unwrap_or(true);
        PreNorm::load(w, &frame, AttentionOptions { bias, ..frame.attention(layer)? }, frame.mlp())
    })
}
