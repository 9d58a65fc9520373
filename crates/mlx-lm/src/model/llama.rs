//! Llama, Mistral and their like: pre-norm decoder, grouped-query attention, SwiGLU.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{AttentionOptions, Dense, Frame, GatedOptions, PreNorm};
use crate::Result;
use crate::config::Config;

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    /// All layers have biases, as ERNIE calls it.
    #[serde(default)]
    use_bias: bool,
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm>> {
    let Settings { attention_bias, mlp_bias, use_bias } = config.parse()?;
    let attention_bias = attention_bias || use_bias;
    // The window of a Mistral is that of all layers.
    let frame = Frame::read(config, |_| config.decoder_type() == "mistral")?;
    let mlp = GatedOptions { bias: mlp_bias || use_bias, ..frame.mlp() };
    Dense::load(w, &frame, |w, layer| {
        let attention =
            AttentionOptions { bias: attention_bias, output_bias: attention_bias, ..frame.attention(layer)? };
        PreNorm::load(w, &frame, attention, mlp)
    })
}
