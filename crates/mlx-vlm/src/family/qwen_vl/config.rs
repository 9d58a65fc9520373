//! What the config of a Qwen-VL says.

use mlx_vision::Activation;
use serde::Deserialize;
use serde_json::Value;

use crate::family::parse;
use crate::{Error, Result};

/// The parts of `config.json` that are not the decoder's.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    pub(super) vision_config: Value,
    #[serde(default = "image_token_id")]
    pub(super) image_token_id: u32,
    #[serde(default = "video_token_id")]
    pub(super) video_token_id: u32,
    #[serde(skip)]
    pub(super) vision: Vision,
}

fn image_token_id() -> u32 {
    151_655
}

fn video_token_id() -> u32 {
    151_656
}

/// The tower.
#[derive(Debug, Default)]
pub(super) struct Vision {
    pub(super) layers: usize,
    /// The width of patches, and of the decoder.
    pub(super) width: i32,
    pub(super) output: i32,
    pub(super) heads: i32,
    pub(super) inner: i32,
    pub(super) activation: String,
    pub(super) channels: i32,
    pub(super) patch: i32,
    pub(super) depth: i32,
    pub(super) merge: i32,
    pub(super) tokens_per_second: Option<f64>,
}

/// The tower of a Qwen2-VL as its config has it, with the defaults of transformers.
#[derive(Deserialize)]
#[serde(default)]
struct Qwen2 {
    depth: usize,
    embed_dim: i32,
    hidden_size: i32,
    hidden_act: String,
    mlp_ratio: f32,
    num_heads: i32,
    #[serde(alias = "in_chans")]
    in_channels: i32,
    patch_size: i32,
    spatial_merge_size: i32,
    temporal_patch_size: i32,
}

impl Default for Qwen2 {
    fn default() -> Self {
        Self {
            depth: 32,
            embed_dim: 1280,
            hidden_size: 3584,
            hidden_act: "quick_gelu".to_owned(),
            mlp_ratio: 4.0,
            num_heads: 16,
            in_channels: 3,
            patch_size: 14,
            spatial_merge_size: 2,
            temporal_patch_size: 2,
        }
    }
}

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let mut read: Self = parse(config)?;
        let stored: Qwen2 = parse(&read.vision_config)?;
        read.vision = Vision {
            layers: stored.depth,
            width: stored.embed_dim,
            output: stored.hidden_size,
            heads: stored.num_heads,
            inner: (stored.embed_dim as f32 * stored.mlp_ratio) as i32,
            activation: stored.hidden_act,
            channels: stored.in_channels,
            patch: stored.patch_size,
            depth: stored.temporal_patch_size,
            merge: stored.spatial_merge_size,
            tokens_per_second: None,
        };
        read.vision.check()?;
        Ok(read)
    }
}

impl Vision {
    fn check(&self) -> Result<()> {
        for (field, size, most) in [
            ("embed_dim", self.width, 1 << 16),
            ("hidden_size", self.output, 1 << 17),
            ("num_heads", self.heads, 1 << 10),
            ("mlp_ratio", self.inner, 1 << 18),
            ("in_channels", self.channels, 3),
            ("patch_size", self.patch, 1 << 8),
            ("temporal_patch_size", self.depth, 1 << 6),
            ("spatial_merge_size", self.merge, 1 << 4),
        ] {
            if !(1..=most).contains(&size) {
                let problem = format!("vision_config: {field} makes {size}: it must be from 1 to {most}");
                return Err(Error::config(problem));
            }
        }
        if self.layers > 1024 || self.width % (4 * self.heads) != 0 {
            let (width, heads) = (self.width, self.heads);
            let problem = format!(
                "vision_config: {} layers, {width} wide with {heads} heads: at most 1024, and heads must be wide by \
                 a multiple of 4",
                self.layers
            );
            return Err(Error::config(problem));
        }
        Ok(())
    }

    pub(super) fn activation(&self) -> Result<Activation> {
        Ok(Activation::named(&self.activation)?)
    }
}
