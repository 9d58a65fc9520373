//! Pixtral and Mistral 3: images of any shape, whose rows end in tokens of their own.
//!
//! Agrawal et al., "Pixtral 12B"; Mistral 3 makes one vector of a square of patches.

mod config;
mod merger;
mod tower;

use mlx_core::Array;
use mlx_image::Processor;
use mlx_nn::{Module, Weights};

use self::config::Config;
use self::merger::Merger;
use self::tower::Tower;
use super::tiled::{Projector, grid, patches};
use super::{About, Checkpoint, Family, Markers, Prepared};
use crate::{Error, Media, Result};

/// The tower with its processor.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Pixtral {
    vision_tower: Tower,
    merger: Option<Merger>,
    multi_modal_projector: Projector,
    #[module(skip)]
    images: Processor,
    /// The edge of a patch, and of the square of patches that becomes one vector.
    #[module(skip)]
    edges: [i32; 2],
    #[module(skip)]
    tokens: [u32; 1],
}

/// What stands for a vector, for the end of a row of them, and for the end of an image.
const IMAGE: &str = "[IMG]";
const BREAK: &str = "[IMG_BREAK]";
const END: &str = "[IMG_END]";

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<Pixtral> {
    let config = Config::read(checkpoint.config)?;
    let weights = checkpoint.weights;
    let (vision, merge) = (&config.vision, config.merge.unwrap_or(1));
    let projector = weights.at("multi_modal_projector");
    let merger = config.merge.map(|merge| Merger::load(&projector, vision.width, merge, config.norm_eps));
    let block = (vision.patch * merge).unsigned_abs() as usize;
    Ok(Pixtral {
        vision_tower: Tower::load(&scope(&weights.at("vision_tower")), vision, config.layers()?)?,
        merger: merger.transpose()?,
        multi_modal_projector: Projector::load(&projector, config.connector()?)?,
        images: Processor::from_dir(checkpoint.directory.path())?.in_blocks(block)?,
        edges: [vision.patch, merge],
        tokens: [config.image_token_index],
    })
}

/// Where the tower is in its scope.
fn scope(w: &Weights) -> Weights {
    if w.contains("vision_model.patch_conv.weight") { w.at("vision_model") } else { w.clone() }
}

impl Family for Pixtral {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: None }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let Media::Image(image) = media else {
            return Err(Error::Prompt("the model takes no videos: show its frames as images".into()));
        };
        let [patch, merge] = self.edges;
        let cut = patches([&self.images.apply(image)?], patch)?;
        let [rows, columns] = grid(&cut)?.map(|count| (count / merge).unsigned_abs() as usize);
        let row = IMAGE.repeat(columns);
        let mut about = About::row(vec![row; rows].join(BREAK) + END, rows * columns);
        about.grid = [1, rows, columns].map(|count| i32::try_from(count).unwrap_or(i32::MAX));
        Ok(Prepared { about, inputs: vec![cut] })
    }

    fn see(&self, _about: &About, inputs: &[Array]) -> Result<Array> {
        let mut seen = Vec::new();
        for patches in inputs {
            let mut x = self.vision_tower.forward(patches)?;
            if let Some(merger) = &self.merger {
                x = merger.forward(&x, grid(patches)?)?;
            }
            seen.push(self.multi_modal_projector.forward(&x)?);
        }
        Ok(mlx_core::concatenate(&seen, 0)?)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }
}
