//! Qwen2-VL: images and videos of any size, with positions in time, height and width.
//!
//! Wang et al., "Qwen2-VL: Enhancing Vision-Language Model's Perception of the World at Any Resolution".

mod config;
mod merger;
mod tower;

use mlx_core::{Array, Result as MlxResult};
use mlx_image::{TubeletProcessor, Tubelets};
use mlx_nn::Module;

use self::config::Config;
use self::tower::Tower;
use super::{About, Checkpoint, Family, Layout, Markers, Prepared, Span};
use crate::{Media, Result};

/// The tower with its processors.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct QwenVl {
    visual: Tower,
    #[module(skip)]
    images: TubeletProcessor,
    #[module(skip)]
    videos: TubeletProcessor,
    #[module(skip)]
    tokens: [u32; 2],
    /// Positions between frames that are a second apart, if it is by time.
    #[module(skip)]
    tokens_per_second: Option<f64>,
}

/// What stands for an image and for a video in a text.
const IMAGE: &str = "<|image_pad|>";
const VIDEO: &str = "<|video_pad|>";

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<QwenVl> {
    let config = Config::read(checkpoint.config)?;
    let path = checkpoint.directory.path();
    let weights = checkpoint.weights;
    let scope = if weights.at("vision_tower.patch_embed.proj").contains("weight") {
        "vision_tower"
    } else {
        "visual"
    };
    Ok(QwenVl {
        visual: Tower::load(&weights.at(scope), &config.vision)?,
        images: TubeletProcessor::from_dir(path)?,
        videos: TubeletProcessor::video_from_dir(path)?,
        tokens: [config.image_token_id, config.video_token_id],
        tokens_per_second: config.vision.tokens_per_second,
    })
}

impl QwenVl {
    /// The tubelets of an image or a video, and the seconds that a tubelet lasts.
    fn cut(&self, media: &Media) -> Result<(Tubelets, f64)> {
        Ok(match media {
            Media::Image(image) => (self.images.apply(image)?, 0.0),
            Media::Video(video) => {
                let cut = self.videos.apply_frames(&video.frames)?;
                (cut, video.interval.as_secs_f64() * self.videos.depth() as f64)
            }
        })
    }
}

impl Family for QwenVl {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: Some(VIDEO.into()) }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let (Tubelets { grid, values }, seconds) = self.cut(media)?;
        let marker = if matches!(media, Media::Video(_)) { VIDEO } else { IMAGE };
        let numbers = values.len() / grid.count().max(1);
        let shape = [grid.count(), numbers].map(|size| i32::try_from(size).unwrap_or(i32::MAX));
        let [time, height, width] = grid.shape;
        let merged = [time, height / grid.merge, width / grid.merge];
        let about = About {
            text: marker.repeat(grid.tokens()),
            tokens: grid.tokens(),
            grid: merged.map(|size| i32::try_from(size).unwrap_or(i32::MAX)),
            pace: self.tokens_per_second.filter(|_| seconds > 0.0).map_or(1.0, |tokens| tokens * seconds),
        };
        Ok(Prepared { about, inputs: vec![Array::from_vec(values, shape)?] })
    }

    fn see(&self, about: &About, inputs: &[Array]) -> Result<Array> {
        let seen: MlxResult<Vec<_>> =
            inputs.iter().map(|tubelets| self.visual.forward(tubelets, about.grid)).collect();
        Ok(mlx_core::concatenate(&seen?, 0)?)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn layout(&self, length: usize, spans: &[Span<'_>]) -> Layout {
        Layout::spread(length, spans)
    }
}
