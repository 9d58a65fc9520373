//! Llama, Mistral and their like: pre-norm decoder, grouped-query attention, SwiGLU.
//!
//! The smallest family, from which others are copied.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{
    Activation, AttentionOptions, Dense, Frame, GatedOptions, Norms, PreNorm, Rotation, Sizes, Windows,
};
use crate::Result;
use crate::config::Config;

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm>> {
    let settings: Settings = config.parse()?;
    let (sizes, norms) = (Sizes::read(config)?, Norms::read(config)?);
    let rotation = Rotation::read(config, &sizes)?;
    // The window of a Mistral is that of all layers.
    let windows = Windows::read(config, sizes.layers, |_| config.decoder_type() == "mistral")?;
    let mlp = GatedOptions {
        activation: Activation::read(config)?,
        bias: settings.mlp_bias,
        ..GatedOptions::default()
    };
    let frame = Frame::read(config, sizes, norms, windows.clone())?;
    Dense::load(w, frame, |w, layer| {
        let attention = AttentionOptions {
            rope: Some(rotation.rope(windows.slides(layer))?),
            bias: settings.attention_bias,
            output_bias: settings.attention_bias,
            ..AttentionOptions::default()
        };
        PreNorm::load(w, &sizes, norms, attention, mlp)
    })
}
