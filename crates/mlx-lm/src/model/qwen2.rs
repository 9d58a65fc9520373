//! Qwen 2 and 2.5: a Llama whose queries, keys and values have biases.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{
    Activation, AttentionOptions, Dense, Frame, GatedOptions, Norms, PreNorm, Rotation, Sizes, Windows,
};
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
    let (sizes, norms) = (Sizes::read(config)?, Norms::read(config)?);
    let rotation = Rotation::read(config, &sizes)?;
    let windows = Windows::read(config, sizes.layers, |layer| {
        settings.use_sliding_window && layer >= settings.max_window_layers
    })?;
    let mlp = GatedOptions { activation: Activation::read(config)?, ..GatedOptions::default() };
    let frame = Frame::read(config, sizes, norms, windows.clone())?;
    Dense::load(w, frame, |w, layer| {
        let attention = AttentionOptions {
            rope: Some(rotation.rope(windows.slides(layer))?),
            bias: settings.attention_bias.unwrap_or(true),
            ..AttentionOptions::default()
        };
        PreNorm::load(w, &sizes, norms, attention, mlp)
    })
}
