//! Gemma 2: norms on both sides, capped scores, and a window in every other layer.

use mlx_nn::Weights;
use serde::Deserialize;

use super::Sandwich;
use crate::Result;
use crate::config::Config;
use crate::model::part::{AttentionOptions, Dense, Frame};

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
    let mut frame = Frame::read(config, |layer| layer.is_multiple_of(2))?;
    frame.norms = frame.norms.from_one();
    frame.embedding_scale = Some((frame.sizes.hidden as f32).sqrt());
    frame.softcap = settings.final_logit_softcapping;
    Dense::load(w, &frame, |w, layer| {
        let attention = AttentionOptions {
            bias: settings.attention_bias,
            output_bias: settings.attention_bias,
            scale: Some(settings.query_pre_attn_scalar.powf(-0.5)),
            softcap: settings.attn_logit_softcapping,
            ..frame.attention(layer)?
        };
        Sandwich::load(w, &frame, attention, frame.mlp())
    })
}
