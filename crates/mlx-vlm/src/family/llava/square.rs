//! LLaVA 1.5: the whole image as one square.

use mlx_core::Array;
use mlx_image::Processor;
use mlx_nn::Module;

use super::IMAGE;
use super::config::{Config, Defaults};
use super::sight::Sight;
use crate::family::tiled::patches;
use crate::family::{About, Checkpoint, Family, Markers, Prepared};
use crate::{Error, Media, Result};

/// The tower with its processor.
#[derive(Module)]
#[module(no_tree)]
pub(in crate::family) struct Square {
    sight: Sight,
    #[module(skip)]
    images: Processor,
    #[module(skip)]
    tokens: [u32; 1],
}

const DEFAULTS: Defaults =
    Defaults { tower: "clip_vision_model", layer: -2, strategy: "default", image: 32_000 };

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<Square> {
    let config = Config::read(checkpoint.config)?;
    let looks = config.looks(checkpoint.config, &DEFAULTS)?;
    Ok(Square {
        sight: Sight::load(checkpoint.weights, &looks)?,
        images: Processor::from_dir(checkpoint.directory.path())?,
        tokens: [config.image_token(&DEFAULTS)],
    })
}

impl Family for Square {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: None }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let Media::Image(image) = media else {
            return Err(Error::Prompt("the model takes no videos: show its frames as images".into()));
        };
        let cut = patches([&self.images.apply(image)?], self.sight.patch)?;
        self.sight.check(&cut)?;
        let count = self.sight.count();
        Ok(Prepared { about: About::row(IMAGE.repeat(count), count), inputs: vec![cut] })
    }

    fn see(&self, _about: &About, inputs: &[Array]) -> Result<Array> {
        let seen = inputs.iter().map(|patches| self.sight.forward(patches));
        Ok(mlx_core::concatenate(&seen.collect::<mlx_core::Result<Vec<_>>>()?, 0)?)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }
}
