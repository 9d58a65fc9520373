//! What the config of a Qwen-VL says.

use mlx_vision::Activation;
use serde::Deserialize;
use serde_json::Value;

use super::stored::Stored;
use crate::family::{bounds, parse};
use crate::{Error, Result};

/// The parts of `config.json` that are not the decoder's.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) image_token_id: u32,
    pub(super) video_token_id: u32,
    pub(super) vision: Vision,
}

#[derive(Deserialize)]
struct Whole {
    model_type: String,
    vision_config: Value,
    image_token_id: Option<u32>,
    video_token_id: Option<u32>,
    text_config: Option<Decoder>,
    hidden_size: Option<i32>,
}

/// What is read of the decoder's.
#[derive(Deserialize)]
struct Decoder {
    hidden_size: Option<i32>,
}

/// How towers are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Qwen2-VL.
    #[default]
    Second,
    /// Qwen2.5-VL, in which most layers see windows.
    Windowed,
    /// Qwen3-VL, whose earlier layers add to the first of the decoder.
    Third,
    /// Qwen3.5-VL, as Qwen3-VL without that.
    Hybrid,
}

/// The tower.
#[derive(Debug, Default)]
pub(super) struct Vision {
    pub(super) kind: Kind,
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
    /// Positions between frames that are a second apart, if it is by time.
    pub(super) tokens_per_second: Option<f64>,
    pub(super) windows: Option<Windowing>,
    /// The side of the square of learned positions, if there are any.
    pub(super) side: Option<i32>,
    /// The layers behind which what they make of patches is added to the decoder's.
    pub(super) deep: Vec<usize>,
}

/// Which layers see windows.
#[derive(Debug)]
pub(super) struct Windowing {
    /// How many squares of patches are in a row and a column of a window.
    pub(super) edge: i32,
    /// The layers that see all of a frame.
    pub(super) full: Vec<usize>,
}

impl Kind {
    fn of(model_type: &str) -> Self {
        match model_type {
            "qwen2_5_vl" => Self::Windowed,
            "qwen3_vl" | "qwen3_vl_moe" => Self::Third,
            "qwen3_5" | "qwen3_5_moe" => Self::Hybrid,
            _ => Self::Second,
        }
    }

    /// The placeholders of an image and of a video.
    fn tokens(self) -> [u32; 2] {
        match self {
            Self::Hybrid => [248_056, 248_057],
            Self::Second | Self::Windowed | Self::Third => [151_655, 151_656],
        }
    }
}

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let whole: Whole = parse(config)?;
        let kind = Kind::of(&whole.model_type);
        let vision = parse::<Stored>(&whole.vision_config)?.vision(kind)?;
        vision.check()?;
        let decoder = whole.text_config.map_or(whole.hidden_size, |text| text.hidden_size);
        bounds::output(vision.output, decoder)?;
        let [image, video] = kind.tokens();
        Ok(Self {
            image_token_id: whole.image_token_id.unwrap_or(image),
            video_token_id: whole.video_token_id.unwrap_or(video),
            vision,
        })
    }
}

impl Vision {
    fn check(&self) -> Result<()> {
        bounds::sizes(&[
            ("the width", self.width, 1 << 16),
            ("the width of the output", self.output, 1 << 17),
            ("num_heads", self.heads, 1 << 10),
            ("the width within a layer", self.inner, 1 << 18),
            ("in_channels", self.channels, 3),
            ("patch_size", self.patch, 1 << 8),
            ("temporal_patch_size", self.depth, 1 << 6),
            ("spatial_merge_size", self.merge, 1 << 4),
            ("the side of num_position_embeddings", self.side.unwrap_or(1), 1 << 12),
            ("window_size in squares of patches", self.window(), 1 << 12),
        ])?;
        bounds::heads(self.layers, [self.width, self.heads])?;
        self.check_layers()
    }

    fn window(&self) -> i32 {
        self.windows.as_ref().map_or(1, |windows| windows.edge)
    }

    fn check_layers(&self) -> Result<()> {
        let rises = self.deep.is_sorted_by(|one, next| one < next);
        if !rises || self.deep.iter().any(|&layer| layer >= self.layers) {
            let (deep, layers) = (&self.deep, self.layers);
            let problem = format!(
                "deepstack_visual_indexes is {deep:?}: it must rise, and name some of {layers} layers"
            );
            return Err(Error::config(problem));
        }
        match self.tokens_per_second {
            Some(pace) if !(0.0..=1e6).contains(&pace) => {
                Err(Error::config(format!("tokens_per_second is {pace}: it must be from 0 to a million")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn activation(&self) -> Result<Activation> {
        Ok(Activation::named(&self.activation)?)
    }
}
