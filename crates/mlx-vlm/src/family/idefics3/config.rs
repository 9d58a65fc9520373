//! What the config of an Idefics3 or a SmolVLM says.

use mlx_vision::VitSizes;
use serde::Deserialize;
use serde_json::Value;

use crate::Result;
use crate::family::parse;
use crate::family::tiled::{bounded, text_width, vit_sizes};

/// The parts of `config.json` that are not the decoder's.
#[derive(Debug, Deserialize)]
struct Stored {
    vision_config: Value,
    #[serde(default)]
    model_type: String,
    #[serde(alias = "image_token_index")]
    image_token_id: Option<u32>,
    scale_factor: Option<i32>,
}

/// The tower and what leads from it to the decoder.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) vit: VitSizes,
    pub(super) scale_factor: i32,
    pub(super) image_token_id: u32,
    pub(super) text_width: i32,
    model_type: String,
}

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let Stored { vision_config, model_type, image_token_id, scale_factor } = parse(config)?;
        let scale_factor = scale_factor.unwrap_or(2);
        bounded("config", &[("scale_factor", scale_factor, 1 << 4)])?;
        Ok(Self {
            vit: vit_sizes(&vision_config, "idefics3_vision")?,
            scale_factor,
            image_token_id: image_token_id.unwrap_or(128_257),
            text_width: text_width(config)?,
            model_type,
        })
    }

    pub(super) fn takes_videos(&self) -> bool {
        self.model_type == "smolvlm"
    }
}
