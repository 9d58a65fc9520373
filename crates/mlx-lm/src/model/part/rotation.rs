//! The rotary positions that a config asks for.

use mlx_nn::{Rope, RopeScaling};
use serde::Deserialize;

use crate::config::Config;
use crate::{Error, Result};

/// The RoPE of full and of sliding layers.
#[derive(Debug)]
pub(crate) struct Rotation {
    full: Waves,
    sliding: Option<Waves>,
    traditional: bool,
    max_position: i32,
}

/// How fast features turn, and how many of them.
#[derive(Debug, Deserialize)]
struct Waves {
    rope_theta: Option<f32>,
    rope_scaling: Option<RopeScaling>,
    partial_rotary_factor: Option<f32>,
}

#[derive(Deserialize)]
struct Other {
    rope_layers: Option<Layers>,
    rope_traditional: Option<bool>,
    rope_interleave: Option<bool>,
    max_position_embeddings: Option<i32>,
}

#[derive(Deserialize)]
struct Layers {
    sliding_attention: Option<Waves>,
}

impl Rotation {
    /// What `config` says.
    pub(crate) fn read(config: &Config) -> Result<Self> {
        let other: Other = config.parse()?;
        Ok(Self {
            full: config.parse()?,
            sliding: other.rope_layers.and_then(|layers| layers.sliding_attention),
            traditional: other.rope_traditional.or(other.rope_interleave).unwrap_or(false),
            max_position: other.max_position_embeddings.unwrap_or(2048),
        })
    }

    /// The RoPE of a layer that slides or does not, whose heads are so wide.
    pub(crate) fn rope(&self, slides: bool, head_dim: i32) -> Result<Rope> {
        let waves = self.sliding.as_ref().filter(|_| slides).unwrap_or(&self.full);
        let scaling = waves.rope_scaling.as_ref();
        let dims = match (scaling, waves.partial_rotary_factor) {
            // It counts the features itself.
            (Some(RopeScaling::Proportional(_)), _) | (_, None) => head_dim,
            (_, Some(part)) if part > 0.0 && part <= 1.0 => (head_dim as f32 * part) as i32,
            (_, Some(part)) => {
                let message = format!("partial_rotary_factor is {part}: it must be above 0 and at most 1");
                return Err(Error::Config(message));
            }
        };
        let theta = waves.rope_theta.unwrap_or(10_000.0);
        Ok(Rope::new(dims, theta, scaling, self.traditional, self.max_position)?)
    }

    /// What the scale of full layers is multiplied by for queries, and again for keys, where RoPE leaves that to them.
    pub(crate) fn attention_growth(&self) -> f32 {
        match &self.full.rope_scaling {
            Some(RopeScaling::Yarn(yarn)) => yarn.attention_growth(),
            _ => 1.0,
        }
    }
}
