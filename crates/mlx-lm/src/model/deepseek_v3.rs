//! DeepSeek V3 and Kimi K2: latent attention, and experts in groups beside shared ones from some layer on.

use mlx_nn::Weights;

use super::part::{Dense, Feed, Frame, GroupedMoe, Mla, MlaOptions, PreNorm};
use crate::Result;
use crate::config::Config;

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm<Feed, Mla>>> {
    let frame = Frame::read(config, |_| false)?;
    let (attention, moe) = (MlaOptions::read(config, &frame)?, GroupedMoe::read(config, frame.mlp())?);
    frame.ignore_predictors(w);
    Dense::load(w, &frame, |w, layer| {
        let self_attn = Mla::load(&w.at("self_attn"), &frame, &attention)?;
        let mlp = Feed::load(&w.at("mlp"), &frame.sizes, frame.mlp(), moe.at(layer))?;
        PreNorm::around(w, &frame, self_attn, mlp)
    })
}
