//! The image in the middle of whole tiles, seen as a whole and tile by tile: Phi-3-V.
//!
//! Dong et al., "InternLM-XComposer2-4KHD". Images are those of the processor that Phi-3-V is published with. That of mlx-vlm
//! stretches them over the tiles instead, and resizes them in another way.

use serde::Deserialize;

use super::plan::Plan;
use crate::canvas::Canvas;
use crate::crop::Crop;
use crate::processor::Config;
use crate::processor::config::count;
use crate::{Error, Result, Size};

/// How many tiles there are at most.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HighDefinition {
    most: usize,
}

#[derive(Deserialize)]
struct Fields {
    num_crops: Option<usize>,
}

/// The edge of a tile.
const TILE: usize = 336;

/// More tiles than any model takes.
const MOST: usize = 256;

/// What is beside an image.
const WHITE: [u8; 3] = [255; 3];

impl HighDefinition {
    pub(super) fn new(config: &Config<'_>) -> Result<Self> {
        let fields: Fields = config.more()?;
        let most = count("num_crops", fields.num_crops.unwrap_or(4))?;
        if most > MOST {
            return Err(Error::config(format!("num_crops is {most}: it must be {MOST} at most")));
        }
        Ok(Self { most })
    }

    pub(super) fn plan(&self, source: Size, cuts: bool) -> Plan {
        let turned = source.width < source.height;
        let most = if cuts { self.most } else { 1 };
        let (inner, grid) = match turned {
            false => fitted(source, most),
            true => {
                let (inner, grid) = fitted(source.transposed(), most);
                (inner.transposed(), grid.transposed())
            }
        };
        let size = Size { height: grid.height * TILE, width: grid.width * TILE };
        let canvas = Canvas::whole(source).turned(turned).resized(inner);
        let canvas = canvas.cropped(Crop::around(inner, size), WHITE);
        let whole = canvas.clone().seen_in(Size::square(TILE));
        Plan { grid, canvases: vec![whole, canvas.cut(Size::square(TILE))] }
    }
}

/// The size of an image that is not higher than wide, and the tiles that it needs: as many along its width as allow no more
/// than `most`.
fn fitted(source: Size, most: usize) -> (Size, Size) {
    let ratio = source.width as f64 / source.height as f64;
    let tiles = |along: usize| along as f64 * (along as f64 / ratio).ceil();
    let along = (1..=most).take_while(|&along| tiles(along) <= most as f64).last().unwrap_or(1);
    let width = along * TILE;
    let height = (width as f64 / ratio) as usize;
    (Size { height, width }, Size { height: height.div_ceil(TILE), width: along })
}
