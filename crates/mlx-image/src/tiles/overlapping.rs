//! The whole image, then parts that overlap: Moondream.
//!
//! Parts are those of the authors' code; mlx-vlm chooses and cuts others.

use serde::Deserialize;

use super::plan::Plan;
use crate::canvas::Canvas;
use crate::processor::Config;
use crate::processor::config::count;
use crate::{Error, Result, Size};

/// How large parts are, and how many there may be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Overlapping {
    /// The edge of what the tower sees.
    tile: usize,
    most: usize,
    /// How many of its pixels on each side belong to other parts too.
    margin: usize,
}

#[derive(Deserialize)]
struct Fields {
    crop_size: Option<usize>,
    max_crops: Option<usize>,
    /// In patches.
    overlap_margin: Option<usize>,
    patch_size: Option<usize>,
}

/// More parts than any model takes.
const MOST: usize = 256;

impl Overlapping {
    pub(super) fn new(config: &Config<'_>) -> Result<Self> {
        let fields: Fields = config.more()?;
        let tile = count("crop_size", fields.crop_size.unwrap_or(378))?;
        let most = count("max_crops", fields.max_crops.unwrap_or(12))?;
        let patch = count("patch_size", fields.patch_size.unwrap_or(14))?;
        let margin = fields.overlap_margin.unwrap_or(4).saturating_mul(patch);
        if most > MOST || margin.saturating_mul(2) >= tile {
            let problem =
                format!("max_crops is more than {MOST}, or overlap_margin leaves nothing of crop_size");
            return Err(Error::config(problem));
        }
        Ok(Self { tile, most, margin })
    }

    pub(super) fn plan(&self, source: Size, cuts: bool) -> Plan {
        let tile = Size::square(self.tile);
        let whole = Canvas::whole(source).resized(tile);
        let grid = self.grid(source);
        // One part would be the whole again.
        if !cuts || grid == Size::square(1) {
            return Plan::whole(whole);
        }
        let covered = |parts: usize| parts * self.step() + 2 * self.margin;
        let all = Size { height: covered(grid.height), width: covered(grid.width) };
        let parts = Canvas::whole(source).resized(all).overlapped(tile, Size::square(self.step()), grid);
        Plan { grid, canvases: vec![whole, parts] }
    }

    /// How far one part begins behind another.
    fn step(&self) -> usize {
        self.tile - 2 * self.margin
    }

    /// As many parts as cover the image at its size, and more where there may be.
    fn grid(&self, source: Size) -> Size {
        let [height, width] =
            [source.height, source.width].map(|length| length.saturating_sub(2 * self.margin));
        let step = self.step();
        if height <= step || width <= step {
            return Size::square(1);
        }
        let least = [height, width].map(|length| length.div_ceil(step));
        let most = self.most as f64;
        let needed = least[0] as f64 * least[1] as f64;
        if needed > most {
            let share = (most / needed).sqrt();
            let [height, width] = least.map(|parts| ((parts as f64 * share) as usize).max(1));
            return Size { height, width };
        }
        let alike = |length: usize, other: usize| (most * length as f64 / other as f64).sqrt() as usize;
        let (mut rows, mut columns) =
            (alike(height, width).max(least[0]), alike(width, height).max(least[1]));
        if rows * columns > self.most {
            if columns > rows {
                columns = self.most / rows;
            } else {
                rows = self.most / columns;
            }
        }
        Size { height: rows.max(1), width: columns.max(1) }
    }
}
