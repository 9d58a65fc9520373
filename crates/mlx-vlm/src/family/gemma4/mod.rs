//! Gemma 4: images and frames of any proportions, a token for each square of patches.
//!
//! The tower is that of transformers; Beyer et al., "FlexiViT", and Heo et al., "Rotary Position Embedding for Vision
//! Transformer", have its parts. In larger models, an image's tokens see each other in layers with a window.

mod clipped;
mod config;
mod layer;
mod tower;

use mlx_core::{Array, Result as MlxResult};
use mlx_image::{Image, PatchProcessor, Size};
use mlx_lm::cache::Sight;
use mlx_nn::Module;

use self::config::Config;
use self::tower::{Embedder, Tower};
use super::{About, Checkpoint, Family, Layout, Markers, Prepared, Span, decoder_width};
use crate::grounding::Notation;
use crate::{Error, Media, Result};

/// The tower with its processors.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Gemma4 {
    vision_tower: Tower,
    embed_vision: Embedder,
    #[module(skip)]
    images: PatchProcessor,
    /// None if the checkpoint says nothing of videos.
    #[module(skip)]
    videos: Option<PatchProcessor>,
    #[module(skip)]
    sizes: Sizes,
    #[module(skip)]
    tokens: [u32; 2],
    #[module(skip)]
    together: bool,
}

/// What the tower takes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sizes {
    patch: i32,
    pool: i32,
    /// The most patches in a column and in a row.
    longest: i32,
}

/// What stands for an image and for a video in a text, and what is around a run of such.
const IMAGE: &str = "<|image|>";
const VIDEO: &str = "<|video|>";
const START: &str = "<|image>";
const END: &str = "<image|>";

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<Gemma4> {
    let config = Config::read(checkpoint.config)?;
    let (path, weights, vision) = (checkpoint.directory.path(), checkpoint.weights, &config.vision_config);
    for heard in ["audio_tower", "embed_audio"] {
        weights.at(heard).ignore(|_| true);
    }
    let hidden = decoder_width(checkpoint.config, Some(2304))?;
    let sizes = Sizes {
        patch: vision.patch_size,
        pool: vision.pooling_kernel_size,
        longest: vision.position_embedding_size,
    };
    Ok(Gemma4 {
        vision_tower: Tower::load(&weights.at("vision_tower"), vision)?,
        embed_vision: Embedder::load(&weights.at("embed_vision"), vision, hidden)?,
        images: sizes.checked(PatchProcessor::from_dir(path)?)?,
        videos: PatchProcessor::video_from_dir(path).ok().map(|videos| sizes.checked(videos)).transpose()?,
        sizes,
        tokens: [config.image_token_id, config.video_token_id],
        together: config.sees_together(),
    })
}

impl Sizes {
    /// A processor whose patches are those that the tower takes.
    fn checked(self, processor: PatchProcessor) -> Result<PatchProcessor> {
        let [patch, pool] = [self.patch, self.pool].map(|size| size.unsigned_abs() as usize);
        if processor.patch() == patch && processor.pool() == pool {
            return Ok(processor);
        }
        let problem = format!(
            "patch_size {} and pooling_kernel_size {} are not those of the tower, {patch} and {pool}",
            processor.patch(),
            processor.pool()
        );
        Err(Error::Config { file: "preprocessor_config.json".into(), problem })
    }

    /// The rows and columns of squares that so many patches are.
    fn squares(self, grid: Size) -> Result<[i32; 2]> {
        let [height, width] = [grid.height, grid.width].map(|size| i32::try_from(size).unwrap_or(i32::MAX));
        if height.max(width) > self.longest {
            let problem =
                format!("an image becomes {grid} patches: the tower takes {} in a row", self.longest);
            return Err(Error::config(problem));
        }
        Ok([height / self.pool, width / self.pool])
    }
}

impl Gemma4 {
    /// The patches of frames of one size, each an array `[patches, numbers]`, and the squares of each.
    fn cut(&self, processor: &PatchProcessor, frames: &[Image]) -> Result<(Vec<Array>, [i32; 2])> {
        let (mut cut, mut squares) = (Vec::with_capacity(frames.len()), None);
        for frame in frames {
            let patches = processor.apply(frame)?;
            let own = self.sizes.squares(patches.grid)?;
            if *squares.get_or_insert(own) != own {
                return Err(Error::Prompt("the frames of a video are of several sizes".into()));
            }
            let count = i32::try_from(patches.count()).unwrap_or(i32::MAX);
            let numbers = 3 * self.sizes.patch * self.sizes.patch;
            cut.push(Array::from_vec(patches.values, [count, numbers])?);
        }
        match squares {
            Some(squares) => Ok((cut, squares)),
            None => Err(Error::Prompt("a video has no frames: give at least one".into())),
        }
    }
}

impl Family for Gemma4 {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: self.videos.is_some().then(|| VIDEO.into()) }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let run = |marker: &str, [rows, columns]: [i32; 2]| {
            format!("{START}{}{END}", marker.repeat((rows * columns).unsigned_abs() as usize))
        };
        let (inputs, squares, text) = match media {
            Media::Image(image) => {
                let (inputs, squares) = self.cut(&self.images, std::slice::from_ref(image))?;
                (inputs, squares, run(IMAGE, squares))
            }
            Media::Video(video) => {
                let Some(videos) = &self.videos else {
                    return Err(Error::Prompt("the checkpoint says nothing of videos: show images".into()));
                };
                let (inputs, squares) = self.cut(videos, &video.frames)?;
                let frames = (0..video.frames.len()).map(|frame| {
                    let at = (video.interval.as_secs_f64() * frame as f64) as u64;
                    format!("{:02}:{:02} {}", at / 60, at % 60, run(VIDEO, squares))
                });
                let text = frames.collect::<Vec<_>>().join(" ");
                (inputs, squares, text)
            }
        };
        let ([rows, columns], count) = (squares, inputs.len());
        let about = About {
            text,
            tokens: count * (rows * columns).unsigned_abs() as usize,
            grid: [i32::try_from(count).unwrap_or(i32::MAX), rows, columns],
            pace: 1.0,
        };
        Ok(Prepared { about, inputs })
    }

    fn see(&self, about: &About, inputs: &[Array]) -> Result<Array> {
        let [_, rows, columns] = about.grid;
        let seen: MlxResult<Vec<_>> = inputs
            .iter()
            .map(|frame| self.embed_vision.forward(&self.vision_tower.forward(frame, [rows, columns])?))
            .collect();
        Ok(mlx_core::concatenate(&seen?, 0)?)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn notation(&self) -> Option<Notation> {
        Some(Notation::Gemma)
    }

    fn layout(&self, _length: usize, spans: &[Span<'_>]) -> Layout {
        if self.together { Layout::together(spans, Sight::InWindows) } else { Layout::default() }
    }
}
