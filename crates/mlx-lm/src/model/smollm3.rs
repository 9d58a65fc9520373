//! SmolLM 3: a Llama, some of whose layers know no positions.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{
    Activation, AttentionOptions, Dense, Frame, GatedOptions, Norms, PreNorm, Rotation, Sizes, Windows,
};
use crate::config::Config;
use crate::{Error, Result};

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default)]
    use_sliding_window: bool,
    /// 1 for each layer that knows positions, in spite of the name.
    no_rope_layers: Option<Vec<u8>>,
    #[serde(default = "every_fourth")]
    no_rope_layer_interval: usize,
}

fn every_fourth() -> usize {
    4
}

impl Settings {
    /// Whether each of the layers knows positions.
    fn placed(&self, layers: usize) -> Result<Vec<bool>> {
        match &self.no_rope_layers {
            Some(flags) if flags.len() == layers => Ok(flags.iter().map(|&flag| flag != 0).collect()),
            Some(flags) => {
                let flags = flags.len();
                Err(Error::Config(format!("no_rope_layers has {flags} entries for {layers} layers")))
            }
            None => Ok((1..=layers).map(|n| !n.is_multiple_of(self.no_rope_layer_interval)).collect()),
        }
    }
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm>> {
    let settings: Settings = config.parse()?;
    let (sizes, norms) = (Sizes::read(config)?, Norms::read(config)?);
    let rotation = Rotation::read(config, &sizes)?;
    let placed = settings.placed(sizes.layers)?;
    let placed = |layer: usize| placed.get(layer) == Some(&true);
    let windows = Windows::read(config, sizes.layers, |layer| settings.use_sliding_window && !placed(layer))?;
    let mlp = GatedOptions {
        activation: Activation::read(config)?,
        bias: settings.mlp_bias,
        ..GatedOptions::default()
    };
    let frame = Frame::read(config, sizes, norms, windows.clone())?;
    Dense::load(w, frame, |w, layer| {
        let rope = placed(layer).then(|| rotation.rope(windows.slides(layer))).transpose()?;
        let attention = AttentionOptions {
            rope,
            bias: settings.attention_bias,
            output_bias: settings.attention_bias,
            ..AttentionOptions::default()
        };
        PreNorm::load(w, &sizes, norms, attention, mlp)
    })
}
