//! Images and videos as patches of several frames, each size cut as it is: Qwen2-VL and what follows it.
//!
//! Wang et al., "Qwen2-VL: Enhancing Vision-Language Model's Perception of the World at Any Resolution"; the name is that
//! of Arnab et al., "ViViT: A Video Vision Transformer".

use std::path::Path;

use serde_json::Value;

use crate::canvas::Canvas;
use crate::fit::Many;
use crate::processor::{read, read_video};
use crate::{Error, Filter, Image, Levels, Pixels, Result, Size, View};

mod config;
mod rule;

use self::rule::Rule;

/// Cuts images and videos of any size into tubelets: the models of Qwen-VL, GLM-V and PaddleOCR-VL.
///
/// An image is resized to whole blocks of `merge` x `merge` patches, as many as its pixels need within bounds. A still is
/// taken as a video that does not move.
#[derive(Clone, Debug, PartialEq)]
pub struct TubeletProcessor {
    resize: Option<Filter>,
    levels: Levels,
    patch: usize,
    /// How many frames a tubelet has.
    depth: usize,
    merge: usize,
    /// Whether patches that are merged lie beside each other.
    blocks: bool,
    rule: Rule,
}

/// How an image or a video is cut into tubelets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TubeletGrid {
    /// How many there are in time, in a column and in a row.
    pub shape: [usize; 3],
    /// The edge of the square of patches that become one token.
    pub merge: usize,
    /// What each frame shows of the image that it was.
    pub view: View,
}

/// An image or a video as tubelets.
#[derive(Clone, Debug, PartialEq)]
pub struct Tubelets {
    /// How many there are.
    pub grid: TubeletGrid,
    /// `[tubelets, depth · patch · patch · 3]`: frames, then rows, then columns, channels last.
    ///
    /// Tubelets follow each other in time, then by squares of `merge` x `merge` row by row, then in a square row by row.
    /// Those of PaddleOCR-VL are row by row.
    pub values: Vec<f32>,
}

/// A video whose frames come one after another, so that no more than a few are held.
#[derive(Clone, Debug)]
pub struct TubeletVideo<'a> {
    processor: &'a TubeletProcessor,
    grid: TubeletGrid,
    frames: usize,
    seen: usize,
    /// The frames of a tubelet that is not complete.
    group: Vec<Pixels>,
    values: Vec<f32>,
}

impl TubeletProcessor {
    /// What the `preprocessor_config.json` in the folder `dir` says of images, or its `processor_config.json`.
    ///
    /// # Errors
    /// There is none, it cannot be read, is of another class than `Qwen2VLImageProcessor`, `Glm4vImageProcessor`,
    /// `Glm46VImageProcessor` and `PaddleOCRVLImageProcessor`, or has a value that cannot be.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        Self::from_json(&read(dir.as_ref())?)
    }

    /// What the contents of a `preprocessor_config.json` say.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir).
    pub fn from_json(config: &Value) -> Result<Self> {
        config::image(config)
    }

    /// What the folder `dir` says of videos, in `video_preprocessor_config.json` or as a part of `processor_config.json`.
    ///
    /// Older checkpoints have neither: what `preprocessor_config.json` says counts then, as in transformers.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir), for `Qwen2VLVideoProcessor`, `Qwen3VLVideoProcessor`, `Glm4vVideoProcessor`,
    /// `Glm46VVideoProcessor`, and the processors of images of these families.
    pub fn video_from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        Self::video_from_json(&read_video(dir.as_ref())?)
    }

    /// What the contents of a `video_preprocessor_config.json` say.
    ///
    /// # Errors
    /// As [`video_from_dir`](Self::video_from_dir).
    pub fn video_from_json(config: &Value) -> Result<Self> {
        config::video(config)
    }

    /// The edge of a patch.
    pub fn patch(&self) -> usize {
        self.patch
    }

    /// How many frames a tubelet has.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// How an image of size `source` is cut.
    ///
    /// # Errors
    /// One of its edges is more than 200 times the other, or it is not resized and does not consist of whole blocks.
    pub fn grid(&self, source: Size) -> Result<TubeletGrid> {
        self.grid_of(source, 1, Many::same(self.depth))
    }

    /// How a video of `frames` frames of size `source` is cut.
    ///
    /// # Errors
    /// As [`grid`](Self::grid), or there are fewer frames than the model takes.
    pub fn video_grid(&self, source: Size, frames: usize) -> Result<TubeletGrid> {
        if frames < self.rule.least_frames(self.depth) {
            let problem = format!("{frames} frames are fewer than a tubelet has, which is {}", self.depth);
            return Err(Error::size("cut a video", source, problem));
        }
        self.grid_of(source, frames, Many::frames(frames, self.depth))
    }

    fn grid_of(&self, source: Size, frames: usize, many: Many) -> Result<TubeletGrid> {
        let block = self.patch * self.merge;
        let size = match self.resize {
            Some(_) => self.rule.fit(source, block, many, self.depth)?,
            None => source,
        };
        let Size { height, width } = size;
        if !height.is_multiple_of(block) || !width.is_multiple_of(block) {
            let problem = format!("it does not consist of blocks of {block} pixels");
            return Err(Error::size("cut an image", size, problem));
        }
        let shape = [frames.div_ceil(self.depth), height / self.patch, width / self.patch];
        Ok(TubeletGrid { shape, merge: self.merge, view: View::whole(source, size) })
    }

    /// The tubelets of an image.
    ///
    /// # Errors
    /// As [`grid`](Self::grid).
    pub fn apply(&self, image: &Image) -> Result<Tubelets> {
        let mut still = TubeletVideo::new(self, self.grid(image.size())?, 1);
        still.push(image)?;
        still.finish()
    }

    /// The tubelets of a video. The last frame is repeated until tubelets are whole.
    ///
    /// # Errors
    /// As [`video_grid`](Self::video_grid), or the frames are not of one size.
    pub fn apply_frames(&self, frames: &[Image]) -> Result<Tubelets> {
        let source = frames.first().map_or(Size::square(0), Image::size);
        let mut video = self.video(source, frames.len())?;
        frames.iter().try_for_each(|frame| video.push(frame))?;
        video.finish()
    }

    /// A video of `frames` frames of size `source`, which are then pushed one by one.
    ///
    /// # Errors
    /// As [`video_grid`](Self::video_grid).
    pub fn video(&self, source: Size, frames: usize) -> Result<TubeletVideo<'_>> {
        Ok(TubeletVideo::new(self, self.video_grid(source, frames)?, frames))
    }

    /// Adds the tubelets that these frames make together.
    fn cut(&self, frames: &[&Pixels], grid: TubeletGrid, values: &mut Vec<f32>) {
        let ([_, height, width], patch) = (grid.shape, self.patch);
        let row_length = 3 * width * patch;
        for (row, column) in order(height, width, if self.blocks { self.merge } else { 1 }) {
            for frame in frames {
                let rows = frame.values.chunks_exact(row_length).skip(row * patch).take(patch);
                values.extend(rows.filter_map(|row| row.chunks_exact(3 * patch).nth(column)).flatten());
            }
        }
    }
}

impl TubeletGrid {
    /// How many tubelets there are.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// How many tokens they become.
    pub fn tokens(&self) -> usize {
        self.count() / (self.merge * self.merge)
    }
}

impl<'a> TubeletVideo<'a> {
    fn new(processor: &'a TubeletProcessor, grid: TubeletGrid, frames: usize) -> Self {
        Self { processor, grid, frames, seen: 0, group: Vec::new(), values: Vec::new() }
    }

    /// How it is cut.
    pub fn grid(&self) -> TubeletGrid {
        self.grid
    }

    /// Adds the next frame.
    ///
    /// # Errors
    /// It has another size than was said, or there are more than were said.
    pub fn push(&mut self, frame: &Image) -> Result<()> {
        let View { source, size, .. } = self.grid.view;
        if frame.size() != source || self.seen == self.frames {
            let problem = format!("the video was said to have {} frames of {source} pixels", self.frames);
            return Err(Error::size("add a frame of", frame.size(), problem));
        }
        let canvas = Canvas::whole(source).resized(size);
        let seen = canvas.tiles(frame, self.processor.resize.unwrap_or(Filter::Nearest))?;
        self.group.extend(seen.iter().map(|seen| self.processor.levels.apply(seen)));
        self.seen += 1;
        if self.group.len() == self.processor.depth {
            self.close();
        }
        Ok(())
    }

    /// The tubelets of all frames.
    ///
    /// # Errors
    /// There were fewer frames than were said.
    pub fn finish(mut self) -> Result<Tubelets> {
        if self.seen != self.frames {
            let problem = format!("the video was said to have {} frames, not {}", self.frames, self.seen);
            return Err(Error::size("cut a video", self.grid.view.source, problem));
        }
        self.close();
        Ok(Tubelets { grid: self.grid, values: self.values })
    }

    /// Makes tubelets of the frames there are, the last of them repeated.
    fn close(&mut self) {
        if let Some(last) = self.group.last() {
            let frames = self.group.iter().chain(std::iter::repeat(last)).take(self.processor.depth);
            let frames: Vec<_> = frames.collect();
            self.processor.cut(&frames, self.grid, &mut self.values);
        }
        self.group.clear();
    }
}

/// Rows and columns of patches, by squares of `merge` of them, row by row.
fn order(height: usize, width: usize, merge: usize) -> impl Iterator<Item = (usize, usize)> {
    let blocks =
        (0..height / merge).flat_map(move |y| (0..width / merge).map(move |x| (y * merge, x * merge)));
    blocks.flat_map(move |(y, x)| (0..merge * merge).map(move |at| (y + at / merge, x + at % merge)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_that_are_merged_follow_each_other() {
        let order: Vec<_> = order(2, 4, 2).collect();
        assert_eq!(order, [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (0, 3), (1, 2), (1, 3)]);
    }
}
