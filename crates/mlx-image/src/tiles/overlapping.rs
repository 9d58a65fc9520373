//! The whole image, then parts that overlap: Moondream.
//!
//! Parts are those of mlx-vlm, which chooses and cuts them otherwise than Moondream's own code.

use serde::Deserialize;

use super::plan::Plan;
use crate::canvas::Canvas;
use crate::crop::Crop;
use crate::processor::Config;
use crate::processor::config::count;
use crate::{Error, Result, Size};

/// How large parts are, and how many there may be with the whole.
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
}

/// The edge of a patch.
const PATCH: usize = 14;

/// More parts than any model takes.
const MOST: usize = 256;

impl Overlapping {
    pub(super) fn new(config: &Config<'_>) -> Result<Self> {
        let fields: Fields = config.more()?;
        let tile = count("crop_size", fields.crop_size.unwrap_or(378))?;
        let most = count("max_crops", fields.max_crops.unwrap_or(12))?;
        let margin = fields.overlap_margin.unwrap_or(4).saturating_mul(PATCH);
        if most > MOST || margin.saturating_mul(2) >= tile {
            let problem =
                format!("max_crops is more than {MOST}, or overlap_margin leaves nothing of crop_size");
            return Err(Error::config(problem));
        }
        Ok(Self { tile, most, margin })
    }

    pub(super) fn plan(&self, source: Size, cuts: bool) -> Result<Plan> {
        let tile = Size::square(self.tile);
        let whole = Canvas::whole(source).resized(tile);
        let Some(grid) = self.grid(source).filter(|_| cuts) else { return Ok(Plan::whole(whole)) };
        let scale = [(source.height, grid.height), (source.width, grid.width)];
        let scale = scale.map(|(length, parts)| length as f64 / self.covered(parts));
        let scale = scale.into_iter().fold(0.0, f64::max);
        let edge = (self.tile as f64 * scale) as usize;
        let from = |at: usize, length: usize| {
            let from = (at as f64 * (self.tile - 2 * self.margin) as f64 * scale) as usize;
            from.min(length.saturating_sub(edge))
        };
        let mut canvases = vec![whole];
        for (row, column) in (0..grid.height).flat_map(|row| (0..grid.width).map(move |column| (row, column)))
        {
            let (top, left) = (from(row, source.height), from(column, source.width));
            let size = Size { height: edge.min(source.height - top), width: edge.min(source.width - left) };
            let crop = Crop { left: left as isize, top: top as isize, size: size.check("cut a part")? };
            canvases.push(Canvas::part(source, crop, [0; 3]).resized(tile));
        }
        Ok(Plan { grid, canvases })
    }

    /// How many pixels so many parts cover in a line.
    fn covered(&self, parts: usize) -> f64 {
        (parts * (self.tile - 2 * self.margin) + 2 * self.margin) as f64
    }

    /// The grid that needs the least scaling, has nearly the image's proportions, and few parts.
    fn grid(&self, source: Size) -> Option<Size> {
        let (height, width) = (source.height as f64, source.width as f64);
        let score = |grid: Size| {
            let scale = (self.covered(grid.height) / height).min(self.covered(grid.width) / width);
            let ratio = width / height / (grid.width as f64 / grid.height as f64);
            ratio.ln().abs() + 0.5 * scale.ln().abs() + 0.1 * (grid.height * grid.width + 1) as f64
        };
        let mut best: Option<(f64, Size)> = None;
        for (height, width) in
            (1..=self.most).flat_map(|rows| (1..=self.most / rows).map(move |columns| (rows, columns)))
        {
            let grid = Size { height, width };
            let found = score(grid);
            if height * width < self.most && best.is_none_or(|(least, _)| found < least) {
                best = Some((found, grid));
            }
        }
        best.map(|(_, grid)| grid)
    }
}
