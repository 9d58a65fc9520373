//! GLM 4.5 and later: a partial rotation, and experts beside a shared one from some layer on.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{AttentionOptions, Dense, Feed, Frame, GroupedMoe, PreNorm};
use crate::Result;
use crate::config::Config;

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    use_qk_norm: bool,
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm<Feed>>> {
    let settings: Settings = config.parse()?;
    let frame = Frame::read(config, |_| false)?;
    let moe = GroupedMoe::read(config, frame.mlp())?;
    frame.ignore_predictors(w);
    Dense::load(w, &frame, |w, layer| {
        let attention = AttentionOptions {
            bias: settings.attention_bias,
            head_norms: Some(frame.norms).filter(|_| settings.use_qk_norm),
            ..frame.attention(layer)?
        };
        PreNorm::with_experts(w, &frame, attention, moe.at(layer))
    })
}
