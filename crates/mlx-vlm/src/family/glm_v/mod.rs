//! GLM-4V, GLM-4.5V, GLM-4.6V and GLM-OCR: images and videos of any size, with positions in time, height and width.
//!
//! Hong et al., "GLM-4.5V and GLM-4.1V-Thinking: Towards Versatile Multimodal Reasoning with Scalable Reinforcement
//! Learning". Boxes are in thousandths of the image.

mod config;
mod merger;
mod tower;

use mlx_core::Array;
use mlx_hub::Directory;
use mlx_image::TubeletProcessor;
use mlx_nn::Module;
use serde::Deserialize;

use self::config::Config;
use self::tower::Tower;
use super::film::{times, tokens_of_frame};
use super::{About, Checkpoint, Family, Layout, Markers, Prepared, Span, parse, tubelets};
use crate::grounding::Notation;
use crate::{Media, Result, Video};

/// The tower with its processors.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct GlmV {
    visual: Tower,
    #[module(skip)]
    images: TubeletProcessor,
    #[module(skip)]
    videos: TubeletProcessor,
    #[module(skip)]
    tokens: [u32; 2],
    /// Whether the times of frames are told in tenths of seconds, and not in whole ones.
    #[module(skip)]
    tenths: bool,
}

/// What stands for an image and for a video in a text, and what is around an image.
const IMAGE: &str = "<|image|>";
const VIDEO: &str = "<|video|>";
const AROUND: [&str; 2] = ["<|begin_of_image|>", "<|end_of_image|>"];

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<GlmV> {
    let Config { tokens, vision, reads } = Config::read(checkpoint.config)?;
    let path = checkpoint.directory.path();
    let visual = tubelets::tower(checkpoint.weights, "patch_embed.proj.weight");
    let cut = [vision.depth, vision.patch, vision.merge];
    Ok(GlmV {
        visual: Tower::load(&visual, &vision, reads)?,
        images: tubelets::fits(TubeletProcessor::from_dir(path)?, cut)?,
        videos: tubelets::fits(TubeletProcessor::video_from_dir(path)?, cut)?,
        tokens,
        tenths: is_later(checkpoint.directory)?,
    })
}

/// What tells the version of a processor.
#[derive(Deserialize)]
struct Named {
    processor_class: Option<String>,
    image_processor_type: Option<String>,
}

/// Whether the processor is that of GLM-4.6V.
fn is_later(directory: &Directory) -> Result<bool> {
    for name in ["preprocessor_config.json", "processor_config.json"] {
        if directory.file(name).is_none() {
            continue;
        }
        let Named { processor_class, image_processor_type } = parse(&directory.json(name)?)?;
        if [processor_class, image_processor_type].iter().flatten().any(|name| name.starts_with("Glm46V")) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl GlmV {
    /// A video becomes images of its frames, each with its time behind it.
    fn video(&self, video: &Video) -> Result<Prepared> {
        let cut = self.videos.apply_frames(&video.frames)?;
        let (frame, [start, end]) = (IMAGE.repeat(tokens_of_frame(&cut)), AROUND);
        let text = times(video, self.videos.depth())
            .map(|[first, _]| {
                let time =
                    if self.tenths { format!("{first:.1} seconds") } else { first.trunc().to_string() };
                format!("{start}{frame}{end}{time}")
            })
            .collect();
        tubelets::prepared(cut, text, 1.0)
    }
}

impl Family for GlmV {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: Some(VIDEO.into()) }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        match media {
            Media::Image(image) => {
                let cut = self.images.apply(image)?;
                let text = IMAGE.repeat(cut.grid.tokens());
                tubelets::prepared(cut, text, 1.0)
            }
            Media::Video(video) => self.video(video),
        }
    }

    fn see(&self, about: &About, inputs: &[Array]) -> Result<Array> {
        tubelets::see(inputs, |tubelets| self.visual.forward(tubelets, about.grid))
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn notation(&self) -> Option<Notation> {
        Some(Notation::GlmV)
    }

    fn layout(&self, length: usize, spans: &[Span<'_>]) -> Layout {
        Layout::spread(length, spans)
    }
}
