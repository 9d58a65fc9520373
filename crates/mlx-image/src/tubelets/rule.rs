//! How the size of an image or a video follows from its own.

use crate::fit::{Blocks, Many, Thin};
use crate::{Result, Size};

/// Bounds of pixels, and what they are of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) thin: Thin,
    /// Whether the pixels of all frames together are bounded, not those of each.
    pub(super) volume: bool,
    /// How many tokens a video has at most, or each of its frames where all are bounded together.
    pub(super) cap: Option<usize>,
}

/// What part of the tokens of a model the frames of a video may take.
const SHARE: f64 = 0.9;

/// How many more pixels than the least a frame may have in any case.
const FLOOR: f64 = 1.05;

impl Many {
    /// As many frames as a tubelet has.
    pub(super) fn same(depth: usize) -> Self {
        Self { exact: depth as f64, rounded: depth as f64 }
    }

    /// Frames of a video.
    pub(super) fn frames(frames: usize, depth: usize) -> Self {
        let (exact, depth) = (frames as f64, depth as f64);
        Self { exact, rounded: (exact / depth).round_ties_even() * depth }
    }
}

impl Rule {
    /// How few frames a video may have.
    pub(super) fn least_frames(&self, depth: usize) -> usize {
        if self.volume { depth } else { 1 }
    }

    /// The size of the frames of a video of `many`, in blocks of `edge` pixels and tubelets of `depth` frames.
    pub(super) fn fit(&self, from: Size, edge: usize, many: Many, depth: usize) -> Result<Size> {
        let most = self.cap.map_or(self.most, |tokens| self.capped(tokens, edge, many, depth));
        let blocks = Blocks { edge, least: self.least, most, thin: self.thin };
        blocks.fit(from, if self.volume { many } else { Many::ONE })
    }

    /// The most pixels of a video that has so many tokens: an even share for each frame.
    fn capped(&self, tokens: usize, edge: usize, many: Many, depth: usize) -> usize {
        let floor = (self.least as f64 * FLOOR) as usize;
        let (pixels, frames) = (tokens.saturating_mul(edge * edge), (many.exact as usize).max(1));
        if self.volume {
            let each = pixels.min(self.most / frames).max(floor);
            return each.saturating_mul(frames);
        }
        let pixels = (pixels as f64 * SHARE) as usize;
        self.most.min(pixels.saturating_mul(depth) / frames).max(floor)
    }
}
