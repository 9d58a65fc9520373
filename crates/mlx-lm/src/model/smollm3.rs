//! SmolLM 3: a Llama, some of whose layers know no positions.

use mlx_nn::Weights;
use serde::Deserialize;

use super::part::{AttentionOptions, Dense, Frame, GatedOptions, PreNorm};
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
    /// Whether the layer knows positions.
    fn turns(&self, layer: usize) -> bool {
        match &self.no_rope_layers {
            Some(flags) => flags.get(layer).is_some_and(|&flag| flag != 0),
            None => !(layer + 1).is_multiple_of(self.no_rope_layer_interval),
        }
    }
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<PreNorm>> {
    let settings: Settings = config.parse()?;
    let frame = Frame::read(config, |layer| settings.use_sliding_window && !settings.turns(layer))?;
    let layers = frame.sizes.layers;
    if let Some(flags) = settings.no_rope_layers.as_ref().filter(|flags| flags.len() != layers) {
        let flags = flags.len();
        return Err(Error::Config(format!("no_rope_layers has {flags} entries for {layers} layers")));
    }
    let mlp = GatedOptions { bias: settings.mlp_bias, ..frame.mlp() };
    Dense::load(w, &frame, |w, layer| {
        let usual = frame.attention(layer)?;
        let attention = AttentionOptions {
            rope: usual.rope.filter(|_| settings.turns(layer)),
            bias: settings.attention_bias,
            output_bias: settings.attention_bias,
            ..AttentionOptions::default()
        };
        PreNorm::load(w, &frame, attention, mlp)
    })
}
