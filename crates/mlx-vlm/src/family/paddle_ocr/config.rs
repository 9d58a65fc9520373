//! What the config of a PaddleOCR-VL says.

use mlx_vision::Activation;
use serde::Deserialize;
use serde_json::Value;

use crate::Result;
use crate::family::{bounds, parse};

/// The parts of `config.json` that are not the decoder's.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) token: u32,
    pub(super) vision: Vision,
    /// The width of the decoder.
    pub(super) hidden: i32,
}

#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    vision_config: Vision,
    #[serde(default = "image_token_id")]
    image_token_id: u32,
    text_config: Option<Decoder>,
    hidden_size: Option<i32>,
}

fn image_token_id() -> u32 {
    100_295
}

/// What is read of the decoder's.
#[derive(Deserialize)]
struct Decoder {
    hidden_size: Option<i32>,
}

/// The tower, with the defaults of transformers.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Vision {
    pub(super) hidden_size: i32,
    pub(super) intermediate_size: i32,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: i32,
    pub(super) num_channels: i32,
    pub(super) image_size: i32,
    pub(super) patch_size: i32,
    pub(super) spatial_merge_size: i32,
    pub(super) hidden_act: String,
    pub(super) layer_norm_eps: f32,
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            hidden_size: 1152,
            intermediate_size: 4304,
            num_hidden_layers: 27,
            num_attention_heads: 16,
            num_channels: 3,
            image_size: 384,
            patch_size: 14,
            spatial_merge_size: 2,
            hidden_act: "gelu_pytorch_tanh".to_owned(),
            layer_norm_eps: 1e-6,
        }
    }
}

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let whole: Whole = parse(config)?;
        let hidden = whole.text_config.map_or(whole.hidden_size, |text| text.hidden_size).unwrap_or(1024);
        whole.vision_config.check(hidden)?;
        Ok(Self { token: whole.image_token_id, vision: whole.vision_config, hidden })
    }
}

impl Vision {
    fn check(&self, hidden: i32) -> Result<()> {
        bounds::sizes(&[
            ("hidden_size of the decoder", hidden, 1 << 17),
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("num_attention_heads", self.num_attention_heads, 1 << 10),
            ("num_channels", self.num_channels, 3),
            ("patch_size", self.patch_size, 1 << 8),
            ("spatial_merge_size", self.spatial_merge_size, 1 << 4),
        ])?;
        bounds::sizes(&[("image_size in patches", self.side(), 1 << 12)])?;
        bounds::heads(self.num_hidden_layers, [self.hidden_size, self.num_attention_heads])
    }

    /// The side of the square of learned positions.
    pub(super) fn side(&self) -> i32 {
        self.image_size / self.patch_size
    }

    pub(super) fn activation(&self) -> Result<Activation> {
        Ok(Activation::named(&self.hidden_act)?)
    }
}
