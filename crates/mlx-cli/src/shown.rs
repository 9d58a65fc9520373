//! The options that show a model something.

use std::path::PathBuf;

use clap::Args;
use mlx_vlm::mlx_image::{Image, Sampling};
use mlx_vlm::{Media, Prompt, Turn, Video, VisionLanguageModel};

use crate::failure::Outcome;

/// What a model is shown.
#[derive(Debug, Args)]
pub(crate) struct Shown {
    /// Show this image, to a model that sees; may be given several times
    #[arg(long, value_name = "IMAGE")]
    image: Vec<PathBuf>,
    /// Show frames of this animated GIF or WebP, folder of images, or MP4 (if built with the feature `video`)
    #[arg(long, value_name = "VIDEO")]
    video: Vec<PathBuf>,
    /// How many frames of a second of a video are shown
    #[arg(long, value_name = "FPS", default_value_t = Sampling::default().fps, requires = "video")]
    fps: f64,
    /// The most frames of a video that are shown
    #[arg(long, value_name = "N", default_value_t = Sampling::default().at_most, requires = "video")]
    video_max_frames: usize,
}

impl Shown {
    /// Whether there is nothing to be shown.
    pub(crate) fn is_empty(&self) -> bool {
        self.image.is_empty() && self.video.is_empty()
    }

    /// The image, where a model takes one and no more.
    pub(crate) fn one_image(&self) -> Outcome<Image> {
        match (&self.image[..], &self.video[..]) {
            ([path], []) => Ok(Image::open(path)?),
            _ => {
                Err("this model is asked about one image at a time: give one --image, and no --video".into())
            }
        }
    }

    /// What is shown, read from its files.
    pub(crate) fn media(&self) -> Outcome<Vec<Media>> {
        let images = self.image.iter().map(|path| Ok(Image::open(path)?.into()));
        let sampling = Sampling { at_most: self.video_max_frames, ..Sampling::fps(self.fps) };
        let videos = self.video.iter().map(|path| Ok(Video::open(path, &sampling)?.into()));
        images.chain(videos).collect()
    }

    /// What is shown, then the text, after an instruction if there is one.
    pub(crate) fn prompt(
        &self,
        model: &VisionLanguageModel,
        system: Option<&str>,
        text: &str,
        raw: bool,
    ) -> Outcome<Prompt> {
        let media = self.media()?;
        if raw {
            return Ok(model.prompt(text, &media)?);
        }
        let turn = media.into_iter().fold(Turn::user(text), Turn::with);
        let turns: Vec<_> = system.map(Turn::system).into_iter().chain([turn]).collect();
        Ok(model.chat(&turns)?)
    }
}
