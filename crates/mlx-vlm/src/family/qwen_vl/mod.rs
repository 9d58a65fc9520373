//! Qwen2-VL and those after it: images and videos of any size, with positions in time, height and width.
//!
//! Wang et al., "Qwen2-VL: Enhancing Vision-Language Model's Perception of the World at Any Resolution"; Bai et al.,
//! "Qwen2.5-VL Technical Report"; Bai et al., "Qwen3-VL Technical Report". Qwen2.5-VL gives boxes in pixels of the image
//! that the tower sees (`View::size`), Qwen2-VL and Qwen3-VL in thousandths of it.

mod config;
mod merger;
mod norm;
mod order;
mod stored;
mod tower;

use mlx_core::Array;
use mlx_image::{Size, TubeletProcessor, Tubelets, View};
use mlx_nn::Module;

use self::config::{Config, Kind};
use self::tower::Tower;
use super::film::{times, tokens_of_frame};
use super::tubelets;
use super::{About, Checkpoint, Family, Layout, Markers, Prepared, Span};
use crate::grounding::Notation;
use crate::{Media, Result, Video};

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
    #[module(skip)]
    kind: Kind,
    /// Positions between frames that are a second apart, if it is by time.
    #[module(skip)]
    tokens_per_second: Option<f64>,
}

/// What stands for an image and for a video in a text, and what is around them.
const IMAGE: &str = "<|image_pad|>";
const VIDEO: &str = "<|video_pad|>";
const AROUND: [&str; 2] = ["<|vision_start|>", "<|vision_end|>"];

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<QwenVl> {
    let Config { image_token_id, video_token_id, vision } = Config::read(checkpoint.config)?;
    let path = checkpoint.directory.path();
    let weights = checkpoint.weights;
    // Of further decoders behind this one, which guess the tokens after the next.
    weights.ignore(|key| key.starts_with("mtp."));
    let visual = tubelets::tower(weights, "patch_embed.proj.weight");
    let cut = [vision.depth, vision.patch, vision.merge];
    Ok(QwenVl {
        visual: Tower::load(&visual, &vision)?,
        images: tubelets::fits(TubeletProcessor::from_dir(path)?, cut)?,
        videos: tubelets::fits(TubeletProcessor::video_from_dir(path)?, cut)?,
        tokens: [image_token_id, video_token_id],
        kind: vision.kind,
        tokens_per_second: vision.tokens_per_second,
    })
}

impl QwenVl {
    /// Whether the frames of a video have their times before them.
    fn tells_times(&self) -> bool {
        matches!(self.kind, Kind::Third | Kind::Hybrid)
    }

    fn image(cut: Tubelets) -> Result<Prepared> {
        let text = IMAGE.repeat(cut.grid.tokens());
        tubelets::prepared(cut, text, 1.0)
    }

    fn video(&self, video: &Video) -> Result<Prepared> {
        let cut = self.videos.apply_frames(&video.frames)?;
        let depth = self.videos.depth();
        if self.tells_times() {
            let (frame, [start, end]) = (VIDEO.repeat(tokens_of_frame(&cut)), AROUND);
            let moment = |[first, last]: [f64; 2]| (first + last) / 2.0;
            let times =
                times(video, depth).map(|at| format!("<{:.1} seconds>{start}{frame}{end}", moment(at)));
            let text = times.collect();
            return tubelets::prepared(cut, text, 1.0);
        }
        let seconds = video.interval.as_secs_f64() * depth as f64;
        let pace = self.tokens_per_second.map_or(1.0, |tokens| tokens * seconds);
        let text = VIDEO.repeat(cut.grid.tokens());
        tubelets::prepared(cut, text, pace)
    }
}

impl Family for QwenVl {
    fn markers(&self) -> Markers {
        let [start, end] = AROUND;
        let video = if self.tells_times() { format!("{start}{VIDEO}{end}") } else { VIDEO.into() };
        Markers { image: IMAGE.into(), video: Some(video) }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        match media {
            Media::Image(image) => Self::image(self.images.apply(image)?),
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
        Some(match self.kind {
            Kind::Second => Notation::Qwen2Vl,
            Kind::Windowed => Notation::Qwen25Vl,
            Kind::Third | Kind::Hybrid => Notation::Qwen3Vl,
        })
    }

    fn view(&self, source: Size) -> Result<View> {
        Ok(self.images.grid(source)?.view)
    }

    fn layout(&self, length: usize, spans: &[Span<'_>]) -> Layout {
        Layout::spread(length, spans)
    }
}
