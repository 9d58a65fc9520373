//! What the config of a Gemma 3n says of images.

use serde::Deserialize;
use serde_json::Value;

use crate::family::{bounds, parse};
use crate::{Error, Result};

/// The parts of `config.json` that are not the decoder's, with what transformers takes for fields that are not there.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) vision_config: Vision,
    pub(super) image_token_id: u32,
    pub(super) eoi_token_id: u32,
    vision_soft_tokens_per_image: i32,
    /// The vectors in a column and in a row.
    #[serde(skip)]
    pub(super) side: i32,
}

/// The tower by the name of timm, and how its vectors are embedded.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Vision {
    architecture: String,
    model_args: Option<Sizes>,
    pub(super) hidden_size: i32,
    pub(super) vocab_size: i32,
    pub(super) vocab_offset: u32,
    pub(super) rms_norm_eps: f32,
}

/// What differs from what the name says. The rest is told by the weights.
#[derive(Debug, Deserialize)]
struct Sizes {
    msfa_output_resolution: Option<i32>,
}

/// The one architecture of timm.
const ARCHITECTURE: &str = "mobilenetv5_300m_enc";

impl Default for Config {
    fn default() -> Self {
        Self {
            vision_config: Vision::default(),
            image_token_id: 262_145,
            eoi_token_id: 262_144,
            vision_soft_tokens_per_image: 256,
            side: 16,
        }
    }
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            architecture: ARCHITECTURE.to_owned(),
            model_args: None,
            hidden_size: 2048,
            vocab_size: 128,
            vocab_offset: 262_144,
            rms_norm_eps: 1e-6,
        }
    }
}

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let mut read: Self = parse(config)?;
        let vision = &read.vision_config;
        if vision.architecture != ARCHITECTURE {
            let found = &vision.architecture;
            let problem =
                format!("vision_config: architecture `{found}` is not supported: it must be {ARCHITECTURE}");
            return Err(Error::config(problem));
        }
        let own = vision.model_args.as_ref().and_then(|sizes| sizes.msfa_output_resolution);
        let (side, tokens) = (own.unwrap_or(16), read.vision_soft_tokens_per_image);
        bounds::sizes(&[
            ("hidden_size", vision.hidden_size, 1 << 16),
            ("vocab_size", vision.vocab_size, 1 << 20),
            ("msfa_output_resolution", side, 1 << 10),
        ])?;
        if side * side != tokens {
            let problem = format!(
                "vision_soft_tokens_per_image is {tokens}: the tower gives {side} rows and columns of vectors"
            );
            return Err(Error::config(problem));
        }
        read.side = side;
        Ok(read)
    }
}

impl Vision {
    /// The place of a token among those that are embedded as images are.
    pub(super) fn place_of(&self, token: u32) -> Option<i32> {
        let place = i32::try_from(token.checked_sub(self.vocab_offset)?).ok()?;
        (place < self.vocab_size).then_some(place)
    }
}
