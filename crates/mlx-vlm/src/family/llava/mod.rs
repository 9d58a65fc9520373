//! LLaVA: a tower of CLIP or SigLIP, two linear layers, and the image as a whole, or that and tiles of it.
//!
//! Liu et al., "Visual Instruction Tuning", "Improved Baselines with Visual Instruction Tuning".

mod config;
mod mosaic;
pub(super) mod next;
pub(super) mod one_vision;
mod sight;
mod square;

use mlx_core::Array;
use mlx_nn::Module;
use serde::Deserialize;

use self::square::Square;
use super::pixtral::{self, Pixtral};
use super::{About, Checkpoint, Family, Markers, Prepared, parse};
use crate::{Media, Result};

/// What checkpoints of the type `llava` are.
#[derive(Module)]
#[module(no_tree)]
pub(super) enum Llava {
    /// An image of one size.
    Square(Box<Square>),
    /// An image of any size.
    Pixtral(Box<Pixtral>),
}

#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    vision_config: Vision,
}

#[derive(Default, Deserialize)]
struct Vision {
    #[serde(default)]
    model_type: String,
}

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<Llava> {
    let Whole { vision_config } = parse(checkpoint.config)?;
    Ok(match vision_config.model_type.as_str() {
        "pixtral" => Llava::Pixtral(Box::new(pixtral::load(checkpoint)?)),
        _ => Llava::Square(Box::new(square::load(checkpoint)?)),
    })
}

impl Llava {
    fn family(&self) -> &dyn Family {
        match self {
            Self::Square(family) => family.as_ref(),
            Self::Pixtral(family) => family.as_ref(),
        }
    }
}

impl Family for Llava {
    fn markers(&self) -> Markers {
        self.family().markers()
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        self.family().prepare(media)
    }

    fn see(&self, about: &About, inputs: &[Array]) -> Result<Array> {
        self.family().see(about, inputs)
    }

    fn tokens(&self) -> &[u32] {
        self.family().tokens()
    }
}

/// What stands for an image in a text.
const IMAGE: &str = "<image>";
