//! Ministral 3: a Llama whose queries grow with their position.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{AttentionOptions, Dense, Frame, PreNorm, Temperature};
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
    let frame = Frame::read(config, |_| true)?;
    Dense::load(w, &frame, |w, layer| {
        let attention = AttentionOptions { temperature, ..frame.attention(layer)? };
        PreNorm::load(w, &frame, attention, frame.mlp())
    })
}
