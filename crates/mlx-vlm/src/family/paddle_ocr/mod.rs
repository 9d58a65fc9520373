//! PaddleOCR-VL: documents of any size, by an ERNIE 4.5.
//!
//! Cui et al., "PaddleOCR-VL: Boosting Multilingual Document Parsing via a 0.9B Ultra-Compact Vision-Language Model".
//! Where it tells places, `<|LOC_n|>` are thousandths of the image.

mod config;
mod tower;

use mlx_core::Array;
use mlx_image::TubeletProcessor;
use mlx_nn::{Module, Weights};

use self::config::{Config, Vision};
use self::tower::{Projector, Tower};
use super::{About, Checkpoint, Family, Layout, Markers, Prepared, Span, tubelets};
use crate::{Error, Media, Result};

/// The tower with its projector and its processor.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct PaddleOcr {
    visual: Tower,
    projector: Projector,
    #[module(skip)]
    images: TubeletProcessor,
    #[module(skip)]
    token: [u32; 1],
    merge: i32,
}

/// What stands for an image in a text.
const IMAGE: &str = "<|IMAGE_PLACEHOLDER|>";

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<PaddleOcr> {
    let Config { token, vision, hidden } = Config::read(checkpoint.config)?;
    let weights = checkpoint.weights;
    // Parts of what it was made from, of which nothing is used.
    weights.ignore(|key| key.contains("packing_position_embedding") || key.contains("vision_model.head"));
    let images = TubeletProcessor::from_dir(checkpoint.directory.path())?;
    let merge = vision.spatial_merge_size;
    Ok(PaddleOcr {
        visual: tower(weights, &vision)?,
        projector: Projector::load(&projector(weights), &vision, hidden)?,
        images: tubelets::fits(images, [1, vision.patch_size, merge])?,
        token: [token],
        merge,
    })
}

fn tower(weights: &Weights, vision: &Vision) -> Result<Tower> {
    let (visual, original) = (weights.at("visual"), weights.at("visual.vision_model"));
    if original.at("post_layernorm").contains("weight") {
        return Tower::load(&original, &original.at("encoder"), vision);
    }
    Tower::load(&visual, &visual, vision)
}

/// The scope of the projector as Paddle, transformers and MLX call it.
fn projector(weights: &Weights) -> Weights {
    let scopes = ["mlp_AR", "projector"].map(|name| weights.at(name));
    let found = scopes.into_iter().find(|w| w.contains("linear_1.weight"));
    found.unwrap_or_else(|| weights.at("visual.projector"))
}

impl Family for PaddleOcr {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: None }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let Media::Image(image) = media else {
            return Err(Error::Prompt("PaddleOCR-VL takes no videos: show it images of the frames".into()));
        };
        let cut = self.images.apply(image)?;
        let text = IMAGE.repeat(cut.grid.tokens());
        tubelets::prepared(cut, text, 1.0)
    }

    fn see(&self, about: &About, inputs: &[Array]) -> Result<Array> {
        let [_, height, width] = about.grid.map(|size| size * self.merge);
        tubelets::see(inputs, |patches| {
            let seen = self.visual.forward(patches, [height, width])?;
            self.projector.forward(&seen, [height, width])
        })
    }

    fn tokens(&self) -> &[u32] {
        &self.token
    }

    fn layout(&self, length: usize, spans: &[Span<'_>]) -> Layout {
        Layout::spread(length, spans)
    }
}
