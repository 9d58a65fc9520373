//! What the config of a Moondream says: in its authors' words within `config`, or as `vision_config` and `text_config`.

use mlx_image::TileProcessor;
use mlx_vision::{Activation, EncoderSizes};
use serde::Deserialize;
use serde_json::{Value, json};

use super::words::Words;
use crate::family::tiled::{Connector, bounded};
use crate::family::{bounds, parse};
use crate::{Error, Result};

/// The parts of `config.json` that are not the decoder's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    config: Own,
    vision_config: Option<Vision>,
    text_config: Text,
    #[serde(alias = "image_token_id")]
    image_token_index: Option<u32>,
}

/// What the authors write, and leave out where it is as in their first model.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Own {
    vision: Option<Vision>,
    text: Text,
    region: Region,
    tokenizer: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Text {
    #[serde(alias = "dim")]
    hidden_size: Option<i32>,
}

/// The heads that find places.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Region {
    pub(super) coord_feat_dim: i32,
    pub(super) coord_out_dim: i32,
    pub(super) size_feat_dim: i32,
    pub(super) size_out_dim: i32,
    pub(super) inner_dim: i32,
}

impl Default for Region {
    fn default() -> Self {
        Self {
            coord_feat_dim: 256,
            coord_out_dim: 1024,
            size_feat_dim: 512,
            size_out_dim: 2048,
            inner_dim: 8192,
        }
    }
}

impl Region {
    fn check(&self) -> Result<()> {
        let sizes = [
            ("coord_feat_dim / 2", self.coord_feat_dim / 2, 1 << 16),
            ("coord_out_dim", self.coord_out_dim, 1 << 16),
            ("size_feat_dim / 2", self.size_feat_dim / 2, 1 << 16),
            // A single place says nothing.
            ("size_out_dim / 2 - 1", self.size_out_dim / 2 - 1, 1 << 16),
            ("inner_dim", self.inner_dim, 1 << 18),
        ];
        bounded("region", &sizes)
    }
}

/// The tower and what is behind it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Vision {
    #[serde(alias = "enc_dim")]
    hidden_size: i32,
    #[serde(alias = "enc_ff_dim")]
    intermediate_size: i32,
    #[serde(alias = "enc_n_layers")]
    num_hidden_layers: usize,
    #[serde(alias = "enc_n_heads")]
    num_attention_heads: i32,
    #[serde(alias = "enc_patch_size")]
    pub(super) patch_size: i32,
    crop_size: i32,
    in_channels: i32,
    max_crops: usize,
    /// In patches.
    pub(super) overlap_margin: i32,
    proj_inner_dim: i32,
    pub(super) proj_out_dim: i32,
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            hidden_size: 1152,
            intermediate_size: 4304,
            num_hidden_layers: 27,
            num_attention_heads: 16,
            patch_size: 14,
            crop_size: 378,
            in_channels: 3,
            max_crops: 12,
            overlap_margin: 4,
            proj_inner_dim: 8192,
            proj_out_dim: 2048,
        }
    }
}

/// The width of the decoder where nothing is said of it.
const HIDDEN: i32 = 2048;

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        parse(config)
    }

    /// # Errors
    /// A size cannot be.
    pub(super) fn vision(&self) -> Result<Vision> {
        let vision = self.vision_config.clone().or_else(|| self.config.vision.clone()).unwrap_or_default();
        vision.check()?;
        let hidden = self.text_config.hidden_size.or(self.config.text.hidden_size).unwrap_or(HIDDEN);
        bounds::output(vision.proj_out_dim, Some(hidden))?;
        Ok(vision)
    }

    /// The placeholder of vectors, which the authors have none for: a token that stands for no text.
    pub(super) fn image_token(&self) -> u32 {
        self.image_token_index.unwrap_or(self.config.tokenizer.size_id)
    }

    /// # Errors
    /// A size cannot be.
    pub(super) fn region(&self) -> Result<&Region> {
        self.config.region.check()?;
        Ok(&self.config.region)
    }

    pub(super) fn words(&self) -> &Words {
        &self.config.tokenizer
    }
}

impl Vision {
    fn check(&self) -> Result<()> {
        bounds::sizes(&[
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("num_attention_heads", self.num_attention_heads, 1 << 10),
            ("patch_size", self.patch_size, 1 << 10),
            ("crop_size", self.crop_size, 1 << 14),
            ("proj_inner_dim", self.proj_inner_dim, 1 << 18),
            ("proj_out_dim", self.proj_out_dim, 1 << 17),
        ])?;
        if self.num_hidden_layers > 1024 || self.hidden_size % self.num_attention_heads != 0 {
            let (layers, width, heads) = (self.num_hidden_layers, self.hidden_size, self.num_attention_heads);
            let problem = format!(
                "vision_config: {layers} layers, {width} wide with {heads} heads: at most 1024, and heads of equal width"
            );
            return Err(Error::config(problem));
        }
        let margin = i64::from(self.overlap_margin);
        if self.in_channels != 3
            || self.crop_size % self.patch_size != 0
            || margin < 0
            || 2 * margin >= i64::from(self.side())
        {
            let problem = format!(
                "vision_config: parts of {} pixels in {} channels, in patches of {}, of which {margin} overlap: there \
                 must be 3 channels, whole patches, and some that do not overlap",
                self.crop_size, self.in_channels, self.patch_size
            );
            return Err(Error::config(problem));
        }
        bounded("vision_config", &[("crop_size / patch_size", self.side(), 1 << 8)])
    }

    /// How many patches there are in a column and in a row of a part.
    pub(super) fn side(&self) -> i32 {
        self.crop_size / self.patch_size.max(1)
    }

    pub(super) fn encoder(&self) -> EncoderSizes {
        EncoderSizes {
            layers: self.num_hidden_layers,
            width: self.hidden_size,
            inner: self.intermediate_size,
            heads: self.num_attention_heads,
            eps: 1e-5,
            activation: Activation::Fast(mlx_core::fast::Activation::GeluApprox),
        }
    }

    pub(super) fn connector(&self) -> Connector {
        Connector {
            widths: [2 * self.hidden_size, self.proj_inner_dim, self.proj_out_dim],
            bias: true,
            activation: Activation::Fast(mlx_core::fast::Activation::GeluApprox),
        }
    }

    /// The processor of images, of which checkpoints have no file.
    pub(super) fn processor(&self) -> Result<TileProcessor> {
        Ok(TileProcessor::from_json(&json!({
            "image_processor_type": "MoondreamImageProcessor",
            "crop_size": self.crop_size,
            "max_crops": self.max_crops,
            "overlap_margin": self.overlap_margin,
            "patch_size": self.patch_size,
        }))?)
    }
}
