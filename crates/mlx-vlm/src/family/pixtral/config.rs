//! What the config of a Pixtral or a Mistral 3 says.

use mlx_vision::Activation;
use serde::Deserialize;
use serde_json::Value;

use crate::family::parse;
use crate::family::tiled::{Connector, Layers, bounded, text_width};
use crate::{Error, Result};

/// The parts of `config.json` that are not the decoder's.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    vision_config: Value,
    #[serde(default = "image_token_index", alias = "image_token_id")]
    pub(super) image_token_index: u32,
    #[serde(default = "gelu")]
    projector_hidden_act: String,
    #[serde(default = "last")]
    vision_feature_layer: Layers,
    multimodal_projector_bias: Option<bool>,
    spatial_merge_size: Option<i32>,
    #[serde(default)]
    model_type: String,
    #[serde(skip)]
    pub(super) vision: Vision,
    /// The edge of the square that is merged, in a Mistral 3.
    #[serde(skip)]
    pub(super) merge: Option<i32>,
    /// What the norm before the merging adds.
    #[serde(skip)]
    pub(super) norm_eps: f32,
    #[serde(skip)]
    text_width: i32,
}

fn image_token_index() -> u32 {
    10
}

fn gelu() -> String {
    "gelu".to_owned()
}

fn last() -> Layers {
    Layers::One(-1)
}

/// The tower.
#[derive(Debug, Default)]
pub(super) struct Vision {
    pub(super) layers: usize,
    pub(super) width: i32,
    pub(super) inner: i32,
    pub(super) heads: i32,
    pub(super) patch: i32,
    pub(super) activation: String,
    pub(super) base: f32,
}

/// The tower as configs have it, with the defaults of transformers.
#[derive(Deserialize)]
#[serde(default)]
struct Stored {
    num_hidden_layers: usize,
    hidden_size: i32,
    intermediate_size: i32,
    num_attention_heads: i32,
    num_channels: i32,
    patch_size: i32,
    hidden_act: String,
    rope_theta: Option<f32>,
    rope_parameters: Rope,
}

#[derive(Default, Deserialize)]
struct Rope {
    rope_theta: Option<f32>,
}

#[derive(Default, Deserialize)]
struct Whole {
    #[serde(default)]
    text_config: Text,
}

#[derive(Default, Deserialize)]
struct Text {
    rms_norm_eps: Option<f32>,
}

impl Default for Stored {
    fn default() -> Self {
        Self {
            num_hidden_layers: 24,
            hidden_size: 1024,
            intermediate_size: 4096,
            num_attention_heads: 16,
            num_channels: 3,
            patch_size: 16,
            hidden_act: gelu(),
            rope_theta: None,
            rope_parameters: Rope::default(),
        }
    }
}

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let mut read: Self = parse(config)?;
        let stored: Stored = parse(&read.vision_config)?;
        if stored.num_channels != 3 {
            let channels = stored.num_channels;
            return Err(Error::config(format!("vision_config: num_channels is {channels}: images have 3")));
        }
        read.vision = Vision {
            layers: stored.num_hidden_layers,
            width: stored.hidden_size,
            inner: stored.intermediate_size,
            heads: stored.num_attention_heads,
            patch: stored.patch_size,
            activation: stored.hidden_act,
            base: stored.rope_parameters.rope_theta.or(stored.rope_theta).unwrap_or(10_000.0),
        };
        read.vision.check()?;
        let Whole { text_config } = parse(config)?;
        read.norm_eps = text_config.rms_norm_eps.unwrap_or(1e-5);
        read.text_width = text_width(config)?;
        if read.model_type == "mistral3" {
            let merge = read.spatial_merge_size.unwrap_or(2);
            bounded("config", &[("spatial_merge_size", merge, 1 << 4)])?;
            read.merge = Some(merge);
        }
        Ok(read)
    }

    /// Numbers of the states that are looked at.
    pub(super) fn layers(&self) -> Result<Vec<usize>> {
        let numbers = self.vision_feature_layer.numbers(self.vision.layers)?;
        if self.merge.is_some() && numbers.len() > 1 {
            return Err(Error::config("vision_feature_layer names several layers, which are not merged"));
        }
        Ok(numbers)
    }

    pub(super) fn connector(&self) -> Result<Connector> {
        let states = i32::try_from(self.layers()?.len()).unwrap_or(i32::MAX);
        Ok(Connector {
            widths: [self.vision.width.saturating_mul(states), self.text_width, self.text_width],
            bias: self.multimodal_projector_bias.unwrap_or(self.merge.is_none()),
            activation: Activation::named(&self.projector_hidden_act)?,
        })
    }
}

impl Vision {
    fn check(&self) -> Result<()> {
        bounded(
            "vision_config",
            &[
                ("hidden_size", self.width, 1 << 16),
                ("intermediate_size", self.inner, 1 << 18),
                ("num_attention_heads", self.heads, 1 << 10),
                ("patch_size", self.patch, 1 << 8),
            ],
        )?;
        if self.layers > 1024 || self.width % (4 * self.heads) != 0 || self.base <= 0.0 {
            let (layers, width, heads, base) = (self.layers, self.width, self.heads, self.base);
            let problem = format!(
                "vision_config: {layers} layers, {width} wide with {heads} heads, rope_theta {base}: at most 1024 layers, \
                 heads must be wide by a multiple of 4, and the base must be more than 0"
            );
            return Err(Error::config(problem));
        }
        Ok(())
    }

    pub(super) fn activation(&self) -> Result<Activation> {
        Ok(Activation::named(&self.activation)?)
    }
}
