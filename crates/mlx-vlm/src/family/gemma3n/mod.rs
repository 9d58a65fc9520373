//! Gemma 3n: a square image through a tower of convolutions and attention, in the end a square of a few vectors.
//!
//! Gemma Team, "Gemma 3n"; the tower is MobileNetV5 of timm, as transformers has it. Qin et al., "MobileNetV4: Universal
//! Models for the Mobile Ecosystem", has its blocks.

mod attention;
mod block;
mod config;
mod embedder;
mod fusion;
mod tower;

use mlx_core::Array;
use mlx_image::{Pixels, Processor, Size};
use mlx_nn::Module;

use self::config::Config;
use self::embedder::Embedder;
use self::tower::Tower;
use super::{About, Checkpoint, Family, Markers, Prepared, decoder_width};
use crate::grounding::Notation;
use crate::{Error, Media, Result};

/// The tower with its processor.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Gemma3n {
    vision_tower: Tower,
    embed_vision: Embedder,
    #[module(skip)]
    images: Processor,
    /// What stands for an image: its vectors, and what ends it if that is embedded as an image is.
    #[module(skip)]
    tokens: Vec<u32>,
    /// How many vectors there are in a column and in a row.
    #[module(skip)]
    side: i32,
}

/// What stands for a vector of an image in a text, and what is around them.
const SOFT: &str = "<image_soft_token>";
const START: &str = "<start_of_image>";
const END: &str = "<end_of_image>";

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<Gemma3n> {
    let config = Config::read(checkpoint.config)?;
    let weights = checkpoint.weights;
    for heard in ["audio_tower", "embed_audio"] {
        weights.at(heard).ignore(|_| true);
    }
    let hidden = decoder_width(checkpoint.config, Some(2048))?;
    let vision = &config.vision_config;
    let mut tokens = vec![config.image_token_id];
    tokens.extend(vision.place_of(config.eoi_token_id).map(|_| config.eoi_token_id));
    Ok(Gemma3n {
        vision_tower: Tower::load(&weights.at("vision_tower.timm_model"), vision, config.side)?,
        embed_vision: Embedder::load(&weights.at("embed_vision"), vision, hidden)?,
        images: Processor::from_dir(checkpoint.directory.path())?,
        tokens,
        side: config.side,
    })
}

impl Gemma3n {
    /// Checks that what the tower makes of images of such a size can be averaged to the square that the text has room for.
    fn check(&self, size: Size) -> Result<()> {
        let places = [size.height, size.width].map(|length| self.vision_tower.shrunk(length));
        let side = self.side.unsigned_abs() as usize;
        if places.iter().all(|&length| length > 0 && length.is_multiple_of(side)) {
            return Ok(());
        }
        let [rows, columns] = places;
        let problem = format!(
            "an image becomes {size}, of which the tower makes {rows} rows and {columns} columns: both must be multiples \
             of {side}"
        );
        Err(Error::Config { file: "preprocessor_config.json".into(), problem })
    }
}

impl Family for Gemma3n {
    fn markers(&self) -> Markers {
        Markers { image: SOFT.into(), video: None }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let Media::Image(image) = media else {
            return Err(Error::Prompt("Gemma 3n takes no videos: show frames of it as images".into()));
        };
        self.check(self.images.view(image.size())?.size)?;
        let Pixels { size, values } = self.images.apply(image)?;
        let [rows, columns] =
            [size.height, size.width].map(|length| i32::try_from(length).unwrap_or(i32::MAX));
        let soft = (self.side * self.side).unsigned_abs() as usize;
        let about = About {
            text: format!("\n\n{START}{}{END}\n\n", SOFT.repeat(soft)),
            tokens: soft + self.tokens.len() - 1,
            grid: [1, self.side, self.side],
            pace: 1.0,
        };
        Ok(Prepared { about, inputs: vec![Array::from_vec(values, [1, rows, columns, 3])?] })
    }

    fn see(&self, _about: &About, inputs: &[Array]) -> Result<Array> {
        let mut seen = Vec::with_capacity(inputs.len() + 1);
        for pixels in inputs {
            seen.push(self.embed_vision.soft(&self.vision_tower.forward(pixels)?.flatten(0, 2)?)?);
        }
        for end in self.tokens.iter().skip(1) {
            seen.push(self.embed_vision.hard(*end)?);
        }
        Ok(mlx_core::concatenate(&seen, 0)?)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn notation(&self) -> Option<Notation> {
        Some(Notation::Gemma)
    }
}
