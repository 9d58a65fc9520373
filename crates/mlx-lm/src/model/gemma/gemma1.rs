//! The first Gemma.

use mlx_nn::Weights;
use serde::Deserialize;

use crate::Result;
use crate::config::Config;
use crate::model::part::{AttentionOptions, Dense, Frame, PreNorm};

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    attention_bias: bool,
}

pub(in crate::model) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm>> {
    let Settings { attention_bias } = config.parse()?;
    let mut frame = Frame::read(config, |_| false)?;
    frame.norms = frame.norms.plus_one();
    frame.embedding_scale = Some((frame.sizes.hidden as f32).sqrt());
    Dense::load(w, &frame, |w, layer| {
        let attention =
            AttentionOptions { bias: attention_bias, output_bias: attention_bias, ..frame.attention(layer)? };
        PreNorm::load(w, &frame, attention, frame.mlp())
    })
}
