//! The text part of Gemma 3: queries and keys are normalised, and five layers of six see a window.

use mlx_core::{Array, Dtype};
use mlx_nn::Weights;
use serde::Deserialize;

use super::{Sandwich, Scores};
use crate::config::Config;
use crate::model::part::{AttentionOptions, Dense, Frame};
use crate::{Error, Result};

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    attention_bias: bool,
    sliding_window_pattern: usize,
}

pub(in crate::model) fn load(w: &Weights, config: &Config) -> Result<Dense<Sandwich>> {
    let (settings, scores): (Settings, _) = (config.parse()?, Scores::read(config)?);
    let pattern = settings.sliding_window_pattern;
    if pattern == 0 {
        return Err(Error::Config("sliding_window_pattern is 0: it must be at least 1".into()));
    }
    let mut frame = Frame::read(config, |layer| !(layer + 1).is_multiple_of(pattern))?;
    frame.norms = frame.norms.plus_one();
    frame.windows.halve_both_ways();
    let scale = (frame.sizes.hidden as f32).sqrt();
    // Models of texts are run by transformers, which rounds to what they compute in only.
    frame.embedding_scale = Some(if frame.windows.both_ways { scale } else { rounded(scale)? });
    frame.softcap = scores.final_cap;
    Dense::load(w, &frame, |w, layer| {
        let attention = AttentionOptions {
            bias: settings.attention_bias,
            output_bias: settings.attention_bias,
            head_norms: Some(frame.norms),
            scale: Some(scores.scale),
            softcap: scores.attention_cap,
            ..frame.attention(layer)?
        };
        Sandwich::load(w, &frame, attention, frame.mlp())
    })
}

/// `scale` as `bfloat16`, in which the model was trained, whatever it computes in now.
fn rounded(scale: f32) -> Result<f32> {
    Ok(Array::from(scale).astype(Dtype::Bfloat16)?.astype(Dtype::Float32)?.item()?)
}
