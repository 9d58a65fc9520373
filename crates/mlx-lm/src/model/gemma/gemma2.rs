//! Gemma 2: norms on both sides, capped scores, and a window in every other layer.

use mlx_nn::Weights;
use serde::Deserialize;

use super::{Sandwich, Scores};
use crate::Result;
use crate::config::Config;
use crate::model::part::{AttentionOptions, Dense, Frame};

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    attention_bias: bool,
}

pub(in crate::model) fn load(w: &Weights, config: &Config) -> Result<Dense<Sandwich>> {
    let (settings, scores): (Settings, _) = (config.parse()?, Scores::read(config)?);
    let mut frame = Frame::read(config, |layer| layer.is_multiple_of(2))?;
    frame.norms = frame.norms.plus_one();
    frame.embedding_scale = Some((frame.sizes.hidden as f32).sqrt());
    frame.softcap = scores.final_cap;
    Dense::load(w, &frame, |w, layer| {
        let attention = AttentionOptions {
            bias: settings.attention_bias,
            output_bias: settings.attention_bias,
            scale: Some(scores.scale),
            softcap: scores.attention_cap,
            ..frame.attention(layer)?
        };
        Sandwich::load(w, &frame, attention, frame.mlp())
    })
}
