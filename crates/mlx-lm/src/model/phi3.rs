//! Phi 3, 3.5 and 4: a Llama whose projections are fused.

use mlx_nn::Weights;

use super::part::{
    Activation, AttentionOptions, Dense, Frame, GatedOptions, Norms, PreNorm, Rotation, Sizes, Windows,
};
use crate::Result;
use crate::config::Config;

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm>> {
    let (sizes, norms) = (Sizes::read(config)?, Norms::read(config)?);
    let rotation = Rotation::read(config, &sizes)?;
    let windows = Windows::read(config, sizes.layers, |_| true)?;
    let mlp = GatedOptions { activation: Activation::read(config)?, fused: true, ..GatedOptions::default() };
    let frame = Frame::read(config, sizes, norms, windows.clone())?;
    Dense::load(w, frame, |w, layer| {
        let attention = AttentionOptions {
            rope: Some(rotation.rope(windows.slides(layer))?),
            fused: true,
            ..AttentionOptions::default()
        };
        PreNorm::load(w, &sizes, norms, attention, mlp)
    })
}
