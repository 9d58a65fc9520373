//! Gemma 2: norms on both sides, capped scores, and a window in every other layer.

use mlx_nn::Weights;
use serde::Deserialize;

use super::Sandwich;
use crate::Result;
use crate::config::Config;
use crate::model::part::{
    Activation, AttentionOptions, Dense, Frame, GatedOptions, Norms, Rotation, Sizes, Windows,
};

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    attention_bias: bool,
    query_pre_attn_scalar: f32,
    attn_logit_softcapping: Option<f32>,
    final_logit_softcapping: Option<f32>,
}

pub(in crate::model) fn load(w: &Weights, config: &Config) -> Result<Dense<Sandwich>> {
    let settings: Settings = config.parse()?;
    let (sizes, norms) = (Sizes::read(config)?, Norms::read_from_one(config)?);
    let rotation = Rotation::read(config, &sizes)?;
    let windows = Windows::read(config, sizes.layers, |layer| layer.is_multiple_of(2))?;
    let mlp = GatedOptions { activation: Activation::read(config)?, ..GatedOptions::default() };
    let mut frame = Frame::read(config, sizes, norms, windows.clone())?;
    frame.embedding_scale = Some((sizes.hidden as f32).sqrt());
    frame.softcap = settings.final_logit_softcapping;
    Dense::load(w, frame, |w, layer| {
        let attention = AttentionOptions {
            rope: Some(rotation.rope(windows.slides(layer))?),
            bias: settings.attention_bias,
            output_bias: settings.attention_bias,
            scale: Some(settings.query_pre_attn_scalar.powf(-0.5)),
            softcap: settings.attn_logit_softcapping,
            ..AttentionOptions::default()
        };
        Sandwich::load(w, &sizes, norms, attention, mlp)
    })
}
