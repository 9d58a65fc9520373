//! Phi 3, 3.5 and 4: a Llama whose projections are fused.

use mlx_nn::Weights;

use super::part::{AttentionOptions, Dense, Frame, GatedOptions, PreNorm};
use crate::Result;
use crate::config::Config;

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm>> {
    let frame = Frame::read(config, |_| true)?;
    let mlp = GatedOptions { fused: true, ..frame.mlp() };
    Dense::load(w, &frame, |w, layer| {
        PreNorm::load(w, &frame, AttentionOptions { fused: true, ..frame.attention(layer)? }, mlp)
    })
}
