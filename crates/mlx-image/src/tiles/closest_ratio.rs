//! As many tiles as have the proportions of the image, nearly: InternVL, GOT-OCR 2, LFM2-VL.
//!
//! Chen et al., "How Far Are We to GPT-4V?" (InternVL 1.5).

use serde::Deserialize;

use super::plan::Plan;
use crate::canvas::Canvas;
use crate::processor::Config;
use crate::processor::config::{Lengths, count};
use crate::{Error, Result, Size};

/// Tiles, then a thumbnail: InternVL and GOT-OCR 2.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ClosestRatio {
    tile: Size,
    /// The least and the most tiles.
    tiles: [usize; 2],
    resizes: bool,
}

#[derive(Deserialize)]
struct Fields {
    crop_to_patches: Option<bool>,
    min_patches: Option<usize>,
    max_patches: Option<usize>,
}

impl ClosestRatio {
    pub(super) fn new(config: &Config<'_>) -> Result<(Self, bool)> {
        let fields: Fields = config.more()?;
        let tile = config.size::<Lengths>()?.unwrap_or(Lengths::Edge(384)).exact("size")?;
        let (least, most) = (fields.min_patches.unwrap_or(1), fields.max_patches.unwrap_or(12));
        let tiles = [count("min_patches", least)?, count("max_patches", most)?];
        let cuts = fields.crop_to_patches.unwrap_or(false);
        Ok((Self { tile, tiles: ordered(tiles)?, resizes: config.do_resize }, cuts))
    }

    pub(super) fn plan(&self, source: Size, cuts: bool) -> Plan {
        let canvas = Canvas::whole(source);
        if !cuts || self.tiles == [1, 1] {
            return Plan::whole(if self.resizes { canvas.resized(self.tile) } else { canvas });
        }
        let grid = closest_ratio(source, self.tile, self.tiles);
        let thumbnail = canvas.clone().resized(self.tile);
        let canvas = canvas.resized(times(self.tile, grid)).cut(self.tile);
        let mut canvases = vec![canvas];
        canvases.extend((grid != Size::square(1)).then_some(thumbnail));
        Plan { grid, canvases }
    }
}

/// The least and the most of something, if that is so.
pub(super) fn ordered([least, most]: [usize; 2]) -> Result<[usize; 2]> {
    if least > most || most > MOST {
        let problem =
            format!("there are {least} tiles at least and {most} at most: these are not up to {MOST}");
        return Err(Error::config(problem));
    }
    Ok([least, most])
}

/// More tiles than any model takes.
const MOST: usize = 256;

/// The size of so many rows and columns of tiles.
pub(super) fn times(tile: Size, grid: Size) -> Size {
    Size { height: tile.height.saturating_mul(grid.height), width: tile.width.saturating_mul(grid.width) }
}

/// The columns and rows of tiles, `least` to `most` of them, whose proportions are nearest to those of an image.
///
/// Of several that are, the later one with more tiles is taken if the image has more than half of its pixels.
pub(super) fn closest_ratio(source: Size, tile: Size, [least, most]: [usize; 2]) -> Size {
    let ratio = source.width as f64 / source.height as f64;
    let area = source.height as f64 * source.width as f64;
    let mut best = (f64::INFINITY, Size::square(1));
    for grid in grids(least, most) {
        let tiles = (grid.height * grid.width) as f64;
        let pixels = tile.height as f64 * tile.width as f64 * tiles;
        let difference = (ratio - grid.width as f64 / grid.height as f64).abs();
        if difference < best.0 || (difference == best.0 && area > 0.5 * pixels) {
            best = (difference, grid);
        }
    }
    best.1
}

/// Grids by their number of tiles, then by columns.
fn grids(least: usize, most: usize) -> impl Iterator<Item = Size> {
    let of = |tiles: usize| {
        let columns = (1..=tiles).filter(move |columns| tiles.is_multiple_of(*columns));
        columns.map(move |width| Size { height: tiles / width, width })
    };
    (least.max(1)..=most).flat_map(of)
}
