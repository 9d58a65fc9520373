//! What the config of an LFM2-VL says.

use mlx_vision::{Activation, VitSizes};
use serde::Deserialize;
use serde_json::Value;

use crate::Result;
use crate::family::parse;
use crate::family::tiled::{Connector, bounded, text_width, vit_sizes};

/// The parts of `config.json` that are not the decoder's.
#[derive(Debug, Deserialize)]
struct Stored {
    vision_config: Value,
    #[serde(alias = "image_token_index")]
    image_token_id: Option<u32>,
    projector_hidden_act: Option<String>,
    projector_hidden_size: Option<i32>,
    projector_bias: Option<bool>,
    projector_use_layernorm: Option<bool>,
    downsample_factor: Option<i32>,
}

/// The tower and what leads from it to the decoder.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) vit: VitSizes,
    pub(super) image_token_id: u32,
    pub(super) downsample_factor: i32,
    pub(super) projector_use_layernorm: bool,
    activation: String,
    inner: i32,
    bias: bool,
    text_width: i32,
}

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let stored: Stored = parse(config)?;
        let downsample_factor = stored.downsample_factor.unwrap_or(2);
        let inner = stored.projector_hidden_size.unwrap_or(2560);
        bounded(
            "config",
            &[("downsample_factor", downsample_factor, 1 << 4), ("projector_hidden_size", inner, 1 << 17)],
        )?;
        Ok(Self {
            vit: vit_sizes(&stored.vision_config, "siglip2_vision_model")?,
            image_token_id: stored.image_token_id.unwrap_or(396),
            downsample_factor,
            projector_use_layernorm: stored.projector_use_layernorm.unwrap_or(true),
            activation: stored.projector_hidden_act.unwrap_or_else(|| "gelu".to_owned()),
            inner,
            bias: stored.projector_bias.unwrap_or(true),
            text_width: text_width(config)?,
        })
    }

    pub(super) fn connector(&self) -> Result<Connector> {
        let wide = self.vit.encoder.width * self.downsample_factor * self.downsample_factor;
        Ok(Connector {
            widths: [wide, self.inner, self.text_width],
            bias: self.bias,
            activation: Activation::named(&self.activation)?,
        })
    }
}
