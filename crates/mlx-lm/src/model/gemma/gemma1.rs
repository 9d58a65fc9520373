//! The first Gemma.

use mlx_nn::Weights;
use serde::Deserialize;

use crate::Result;
use crate::config::Config;
use crate::model::part::{
    Activation, AttentionOptions, Dense, Frame, GatedOptions, Norms, PreNorm, Rotation, Sizes, Windows,
};

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    attention_bias: bool,
}

pub(in crate::model) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm>> {
    let settings: Settings = config.parse()?;
    let (sizes, norms) = (Sizes::read(config)?, Norms::read_from_one(config)?);
    let rotation = Rotation::read(config, &sizes)?;
    let windows = Windows::read(config, sizes.layers, |_| false)?;
    let mlp = GatedOptions { activation: Activation::read(config)?, ..GatedOptions::default() };
    let mut frame = Frame::read(config, sizes, norms, windows.clone())?;
    frame.embedding_scale = Some((sizes.hidden as f32).sqrt());
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
