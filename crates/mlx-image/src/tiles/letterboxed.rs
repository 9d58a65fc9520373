//! Tiles of a large image, then all of it in a square with colour beside it: DeepSeek-OCR.
//!
//! Wei et al., "DeepSeek-OCR: Contexts Optical Compression".

use serde::Deserialize;

use super::closest_ratio::{closest_ratio, times};
use super::plan::Plan;
use crate::canvas::Canvas;
use crate::crop::Crop;
use crate::processor::Config;
use crate::processor::config::count;
use crate::{Result, Size};

/// How large the whole and the tiles are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Letterboxed {
    whole: usize,
    tile: usize,
    beside: [u8; 3],
}

#[derive(Deserialize)]
struct Fields {
    base_size: Option<usize>,
    image_size: Option<usize>,
}

/// The least and the most tiles.
const TILES: [usize; 2] = [2, 9];

/// The largest square that a whole image is stretched over where none are cut: the modes tiny and small.
const STRETCHED: usize = 640;

impl Letterboxed {
    pub(super) fn new(config: &Config<'_>) -> Result<Self> {
        let fields: Fields = config.more()?;
        let whole = count("base_size", fields.base_size.unwrap_or(1024))?;
        let tile = count("image_size", fields.image_size.unwrap_or(640))?;
        Ok(Self { whole, tile, beside: config.mean().map(|mean| (mean * 255.0) as u8) })
    }

    pub(super) fn plan(&self, source: Size, cuts: bool) -> Plan {
        let square = Size::square(self.whole);
        let inner = contained(source, square);
        let crop = Crop {
            left: middle(inner.width, square.width),
            top: middle(inner.height, square.height),
            size: square,
        };
        let whole = Canvas::whole(source).resized(inner).cropped(crop, self.beside);
        if !cuts && self.whole <= STRETCHED {
            return Plan::whole(Canvas::whole(source).resized(square));
        }
        if !cuts || source.height.max(source.width) <= self.tile {
            return Plan::whole(whole);
        }
        let tile = Size::square(self.tile);
        let grid = closest_ratio(source, tile, TILES);
        Plan { grid, canvases: vec![Canvas::whole(source).resized(times(tile, grid)).cut(tile), whole] }
    }
}

/// The size of an image that is scaled to fit into a square, as Pillow's `contain` rounds it.
fn contained(source: Size, square: Size) -> Size {
    let (height, width) = (source.height as f64, source.width as f64);
    let other = |length: f64, of: f64, most: usize| (length / of * most as f64).round_ties_even() as usize;
    if width > height {
        Size { height: other(height, width, square.width), width: square.width }
    } else {
        Size { height: square.height, width: other(width, height, square.height) }
    }
}

/// Where what shows `inner` pixels of a line in the middle begins.
fn middle(inner: usize, line: usize) -> isize {
    -((line.saturating_sub(inner) as f64 * 0.5).round_ties_even() as isize)
}
