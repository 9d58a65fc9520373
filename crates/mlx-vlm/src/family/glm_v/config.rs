//! What the config of a GLM-V says.

use mlx_vision::Activation;
use serde::Deserialize;
use serde_json::Value;

use crate::Result;
use crate::family::{bounds, parse};

/// The parts of `config.json` that are not the decoder's.
#[derive(Debug)]
pub(super) struct Config {
    /// The placeholders of an image and of a video.
    pub(super) tokens: [u32; 2],
    pub(super) vision: Vision,
    /// Whether it is a GLM-OCR.
    pub(super) reads: bool,
}

#[derive(Deserialize)]
struct Whole {
    model_type: String,
    vision_config: Value,
    image_token_id: Option<u32>,
    video_token_id: Option<u32>,
    text_config: Option<Decoder>,
}

/// What is read of the decoder's.
#[derive(Deserialize)]
struct Decoder {
    hidden_size: Option<i32>,
}

/// The tower as configs have it.
#[derive(Deserialize)]
struct Stored {
    depth: Option<usize>,
    hidden_size: Option<i32>,
    out_hidden_size: Option<i32>,
    intermediate_size: Option<i32>,
    num_heads: Option<i32>,
    attention_bias: Option<bool>,
    hidden_act: Option<String>,
    in_channels: Option<i32>,
    image_size: Option<i32>,
    patch_size: Option<i32>,
    spatial_merge_size: Option<i32>,
    temporal_patch_size: Option<i32>,
    rms_norm_eps: Option<f32>,
}

/// The tower.
#[derive(Debug)]
pub(super) struct Vision {
    pub(super) layers: usize,
    /// The width of patches, and of the decoder.
    pub(super) width: i32,
    pub(super) output: i32,
    pub(super) heads: i32,
    /// How wide a layer and the merger are within.
    pub(super) inner: i32,
    pub(super) merger_inner: i32,
    pub(super) bias: bool,
    pub(super) activation: String,
    pub(super) channels: i32,
    pub(super) patch: i32,
    pub(super) depth: i32,
    pub(super) merge: i32,
    pub(super) eps: f32,
    /// The side of the square of learned positions; GLM-OCR has none.
    pub(super) side: Option<i32>,
}

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let whole: Whole = parse(config)?;
        let reads = whole.model_type == "glm_ocr";
        let vision = parse::<Stored>(&whole.vision_config)?.vision(reads);
        vision.check()?;
        let decoder = whole.text_config.and_then(|text| text.hidden_size);
        bounds::output(vision.output, decoder)?;
        let [image, video] = match whole.model_type.as_str() {
            "glm_ocr" => [59_280, 59_281],
            "glm4v_moe" => [151_363, 151_364],
            _ => [151_343, 151_344],
        };
        let tokens = [whole.image_token_id.unwrap_or(image), whole.video_token_id.unwrap_or(video)];
        Ok(Self { tokens, vision, reads })
    }
}

impl Stored {
    /// With what transformers takes for fields that are not there.
    fn vision(self, reads: bool) -> Vision {
        let sizes = if reads { [1024, 16, 1536, 4096] } else { [1536, 12, 4096, 13_696] };
        let [width, heads, output, inner] = sizes;
        let output = self.out_hidden_size.unwrap_or(output);
        let inner = self.intermediate_size.unwrap_or(inner);
        let channels = self.in_channels.unwrap_or(3);
        let patch = self.patch_size.unwrap_or(14);
        let side = self.image_size.unwrap_or(336).checked_div(patch).unwrap_or_default();
        Vision {
            layers: self.depth.unwrap_or(24),
            width: self.hidden_size.unwrap_or(width),
            output,
            heads: self.num_heads.unwrap_or(heads),
            inner: if reads { inner } else { output },
            merger_inner: if reads { output.saturating_mul(channels) } else { inner },
            bias: self.attention_bias.unwrap_or(reads),
            activation: self.hidden_act.unwrap_or_else(|| "silu".to_owned()),
            channels,
            patch,
            depth: self.temporal_patch_size.unwrap_or(2),
            merge: self.spatial_merge_size.unwrap_or(2),
            eps: self.rms_norm_eps.unwrap_or(1e-5),
            side: (!reads).then_some(side),
        }
    }
}

impl Vision {
    fn check(&self) -> Result<()> {
        bounds::sizes(&[
            ("hidden_size", self.width, 1 << 16),
            ("out_hidden_size", self.output, 1 << 17),
            ("num_heads", self.heads, 1 << 10),
            ("the width within a layer", self.inner, 1 << 18),
            ("the width within the merger", self.merger_inner, 1 << 18),
            ("in_channels", self.channels, 3),
            ("patch_size", self.patch, 1 << 8),
            ("temporal_patch_size", self.depth, 1 << 6),
            ("spatial_merge_size", self.merge, 1 << 4),
            ("image_size in patches", self.side.unwrap_or(1), 1 << 12),
        ])?;
        bounds::heads(self.layers, [self.width, self.heads])
    }

    pub(super) fn activation(&self) -> Result<Activation> {
        Ok(Activation::named(&self.activation)?)
    }
}
