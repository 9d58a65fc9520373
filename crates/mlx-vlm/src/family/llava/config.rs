//! What the config of a LLaVA says.

use mlx_vision::{Activation, VitSizes};
use serde::Deserialize;
use serde_json::Value;

use crate::family::parse;
use crate::family::tiled::{Connector, Layers, text_width, vit_sizes};
use crate::{Error, Result};

/// The parts of `config.json` that are not the decoder's.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(default = "empty")]
    vision_config: Value,
    #[serde(alias = "image_token_id")]
    image_token_index: Option<u32>,
    #[serde(alias = "video_token_id")]
    video_token_index: Option<u32>,
    #[serde(default = "gelu")]
    projector_hidden_act: String,
    vision_feature_layer: Option<Layers>,
    vision_feature_select_strategy: Option<String>,
    multimodal_projector_bias: Option<bool>,
    /// How many tiles' vectors an image has at most, in a LLaVA-OneVision.
    #[serde(default)]
    vision_aspect_ratio: Option<String>,
}

/// What a kind of LLaVA takes for what its config leaves out.
pub(super) struct Defaults {
    pub(super) tower: &'static str,
    pub(super) layer: i64,
    pub(super) strategy: &'static str,
    pub(super) image: u32,
}

/// The tower and what is looked at of it.
#[derive(Debug)]
pub(super) struct Looks {
    pub(super) vit: VitSizes,
    /// Numbers of the states.
    pub(super) states: Vec<usize>,
    /// Whether the first place of the tower is left out.
    pub(super) drops_first: bool,
    pub(super) connector: Connector,
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}

fn gelu() -> String {
    "gelu".to_owned()
}

/// The most tiles that a config can name.
const MOST_TILES: usize = 1 << 10;

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        parse(config)
    }

    pub(super) fn looks(&self, whole: &Value, defaults: &Defaults) -> Result<Looks> {
        let vit = vit_sizes(&self.vision_config, defaults.tower)?;
        let layers = self.vision_feature_layer.clone().unwrap_or(Layers::One(defaults.layer));
        let states = layers.numbers(vit.encoder.layers)?;
        let drops_first = match self.vision_feature_select_strategy.as_deref().unwrap_or(defaults.strategy) {
            "default" => true,
            "full" => false,
            other => {
                let problem =
                    format!("vision_feature_select_strategy is `{other}`: it must be `default` or `full`");
                return Err(Error::config(problem));
            }
        };
        let output = text_width(whole)?;
        let count = i32::try_from(states.len()).unwrap_or(i32::MAX);
        let connector = Connector {
            widths: [vit.encoder.width.saturating_mul(count), output, output],
            bias: self.multimodal_projector_bias.unwrap_or(true),
            activation: Activation::named(&self.projector_hidden_act)?,
        };
        Ok(Looks { vit, states, drops_first, connector })
    }

    pub(super) fn image_token(&self, defaults: &Defaults) -> u32 {
        self.image_token_index.unwrap_or(defaults.image)
    }

    pub(super) fn video_token(&self) -> u32 {
        self.video_token_index.unwrap_or(151_647)
    }

    /// As many tiles as `anyres_max_9` names.
    pub(super) fn most_tiles(&self) -> Result<usize> {
        let named = self.vision_aspect_ratio.as_deref().unwrap_or("anyres_max_9");
        let number = named.strip_prefix("anyres_max_").and_then(|number| number.parse().ok());
        number.filter(|number| (1..=MOST_TILES).contains(number)).ok_or_else(|| {
            let problem = format!(
                "vision_aspect_ratio is `{named}`: it must be `anyres_max_` and a number up to {MOST_TILES}"
            );
            Error::config(problem)
        })
    }
}
