//! Ministral 3: a Llama whose queries grow with their position.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{
    Activation, AttentionOptions, Dense, Frame, GatedOptions, Norms, PreNorm, Rotation, Sizes, Temperature,
    Windows,
};
use crate::config::{Config, size};
use crate::{Error, Result};

#[derive(Deserialize)]
struct Settings {
    llama_4_scaling_beta: Option<f32>,
    rope_scaling: Option<Original>,
}

#[derive(Deserialize)]
struct Original {
    original_max_position_embeddings: Option<i32>,
}

impl Settings {
    fn temperature(&self) -> Result<Option<Temperature>> {
        let Some(beta) = self.llama_4_scaling_beta else { return Ok(None) };
        let original = self.rope_scaling.as_ref().and_then(|rope| rope.original_max_position_embeddings);
        let field = "original_max_position_embeddings";
        let missing = || Error::Config(format!("llama_4_scaling_beta needs {field}"));
        Ok(Some(Temperature { beta, length: size(field, original.ok_or_else(missing)?)? }))
    }
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm>> {
    let temperature = config.parse::<Settings>()?.temperature()?;
    let (sizes, norms) = (Sizes::read(config)?, Norms::read(config)?);
    let rotation = Rotation::read(config, &sizes)?;
    let windows = Windows::read(config, sizes.layers, |_| true)?;
    let mlp = GatedOptions { activation: Activation::read(config)?, ..GatedOptions::default() };
    let frame = Frame::read(config, sizes, norms, windows.clone())?;
    Dense::load(w, frame, |w, layer| {
        let attention = AttentionOptions {
            rope: Some(rotation.rope(windows.slides(layer))?),
            temperature,
            ..AttentionOptions::default()
        };
        PreNorm::load(w, &sizes, norms, attention, mlp)
    })
}
