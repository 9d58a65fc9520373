//! MiniCPM-V 4.6: the whole image and slices of it, whose patches are merged within the tower and behind it.
//!
//! Yao et al., "MiniCPM-V: A GPT-4V Level MLLM on Your Phone"; Xu et al., "LLaVA-UHD". Where mlx-vlm and transformers
//! differ, the tower is that of transformers: what is merged within it goes through the tangent form of GELU.

mod config;
mod merger;
pub(super) mod resampled;
mod resampler;
mod shown;
mod tower;

use mlx_core::Array;
use mlx_image::{Image, Size, TileProcessor};
use mlx_nn::{Module, Weights};

use self::config::Config;
use self::merger::Merger;
use self::shown::shown;
use self::tower::Tower;
use super::tiled::{grid, patches};
use super::{About, Checkpoint, Family, Markers, Prepared};
use crate::{Error, Media, Result};

/// The tower with its processors.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct MiniCpmV {
    vision_tower: Tower,
    merger: Merger,
    #[module(skip)]
    images: TileProcessor,
    #[module(skip)]
    videos: TileProcessor,
    patch: i32,
    /// The edge of the square of patches that becomes one vector.
    edge: i32,
    #[module(skip)]
    tokens: [u32; 2],
    /// Whether images are numbered.
    numbers: bool,
}

/// What stands for a vector of an image and for one of a video.
const IMAGE: &str = "<|image_pad|>";
const VIDEO: &str = "<|video_pad|>";

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<MiniCpmV> {
    let config = Config::read(checkpoint.config)?;
    let (path, weights) = (checkpoint.directory.path(), checkpoint.weights);
    let edge = config.edge();
    let fits = |processor: TileProcessor| {
        let patch = config.vit.patch.unsigned_abs() as usize;
        let [taken, cut] = [[patch, patch * edge.unsigned_abs() as usize], sizes(&processor)];
        if taken == cut {
            return Ok(processor);
        }
        let problem = format!(
            "patches and squares of them are {cut:?} pixels wide, but the tower takes {taken:?} (downsample_mode)"
        );
        Err(Error::Config { file: "preprocessor_config.json".into(), problem })
    };
    Ok(MiniCpmV {
        vision_tower: tower(weights, &config)?,
        merger: Merger::load(&weights.at("merger.mlp.0"), config.vit.encoder.width, config.text_width)?,
        images: fits(TileProcessor::from_dir(path)?)?,
        videos: fits(TileProcessor::video_from_dir(path)?)?,
        patch: config.vit.patch,
        edge,
        tokens: config.tokens,
        numbers: config::numbers_images(checkpoint.directory),
    })
}

/// The tower in the scopes `vision_tower` and, as MLX has it, `vit_merger`.
fn tower(weights: &Weights, config: &Config) -> Result<Tower> {
    let (w, apart) = (weights.at("vision_tower"), weights.at("vit_merger"));
    let window = if apart.contains("linear_1.weight") { apart } else { w.at("vit_merger") };
    if config.merges_behind.is_none() {
        window.ignore(|_| true);
    }
    Tower::load(&w, &config.vit, config.merges_behind.map(|behind| (behind, &window)))
}

/// The edges of patches and of the squares of these that become one vector, in pixels.
fn sizes(processor: &TileProcessor) -> [usize; 2] {
    [processor.patch(), processor.block()].map(Option::unwrap_or_default)
}

/// An image or a frame as the tower takes it.
struct Cut {
    /// The whole, and the slices if there are any, all of one size.
    parts: Vec<Array>,
    /// What stands for it.
    text: String,
    tokens: usize,
}

impl MiniCpmV {
    fn cut(&self, processor: &TileProcessor, image: &Image, token: &str) -> Result<Cut> {
        let tiles = processor.apply(image)?;
        let (whole, slices) = tiles.pixels.split_at_checked(1).unwrap_or_default();
        let mut parts = vec![patches(whole, self.patch)?];
        if !slices.is_empty() {
            parts.push(patches(slices, self.patch)?);
        }
        let counts: Vec<_> = parts.iter().map(|part| self.count(part)).collect::<Result<_>>()?;
        let [whole, slice] = [0, 1].map(|at| counts.get(at).copied().unwrap_or_default());
        let rows = if slices.is_empty() { Size::square(0) } else { tiles.layout.grid };
        Ok(Cut { parts, text: shown(token, whole, (rows, slice)), tokens: whole + slice * slices.len() })
    }

    /// How many tokens an image of such patches becomes.
    fn count(&self, patches: &Array) -> Result<usize> {
        let [rows, columns] = grid(patches)?.map(|count| (count / self.edge).unsigned_abs() as usize);
        Ok(rows * columns)
    }
}

impl Family for MiniCpmV {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: Some(VIDEO.into()) }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let cuts: Vec<_> = match media {
            Media::Image(image) => vec![self.cut(&self.images, image, IMAGE)?],
            Media::Video(video) => {
                let frames = video.frames.iter().map(|frame| self.cut(&self.videos, frame, VIDEO));
                frames.collect::<Result<_>>()?
            }
        };
        let text = cuts.iter().map(|cut| cut.text.as_str()).collect();
        let about = About::row(text, cuts.iter().map(|cut| cut.tokens).sum());
        Ok(Prepared { about, inputs: cuts.into_iter().flat_map(|cut| cut.parts).collect() })
    }

    fn numbered(&self, number: usize) -> String {
        if self.numbers { shown::numbered(number) } else { String::new() }
    }

    fn see(&self, _about: &About, inputs: &[Array]) -> Result<Array> {
        let look = |patches: &Array| self.merger.forward(&self.vision_tower.forward(patches)?);
        let seen: mlx_core::Result<Vec<_>> = inputs.iter().map(look).collect();
        Ok(mlx_core::concatenate(&seen?, 0)?)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }
}
