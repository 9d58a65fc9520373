//! The image stretched over whole tiles, seen as a whole and tile by tile: Phi-3-V.
//!
//! Dong et al., "InternLM-XComposer2-4KHD". Tiles are those of mlx-vlm, which stretches where Phi-3-V's own code pads.

use serde::Deserialize;

use super::plan::Plan;
use crate::canvas::Canvas;
use crate::processor::Config;
use crate::processor::config::count;
use crate::{Result, Size};

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

impl HighDefinition {
    pub(super) fn new(config: &Config<'_>) -> Result<Self> {
        let fields: Fields = config.more()?;
        Ok(Self { most: count("num_crops", fields.num_crops.unwrap_or(4))? })
    }

    pub(super) fn plan(&self, source: Size, cuts: bool) -> Plan {
        let tile = Size::square(TILE);
        if !cuts {
            return Plan::whole(Canvas::whole(source).resized(tile));
        }
        let grid = self.grid(source);
        let size = Size { height: grid.height * TILE, width: grid.width * TILE };
        let canvas = Canvas::whole(source).resized(size);
        Plan { grid, canvases: vec![canvas.clone().resized(tile), canvas.cut(tile)] }
    }

    /// As many tiles along the longer edge as the other ones that this needs allow.
    fn grid(&self, source: Size) -> Size {
        let (long, short) = (source.height.max(source.width), source.height.min(source.width));
        let ratio = long as f64 / short as f64;
        let tiles = |along: usize| along as f64 * (along as f64 / ratio).ceil();
        let along = (1..=self.most).take_while(|&along| tiles(along) <= self.most as f64).last().unwrap_or(1);
        let across = (((along * TILE) as f64 / ratio) as usize).div_ceil(TILE);
        if source.width < source.height {
            Size { height: along, width: across }
        } else {
            Size { height: across, width: along }
        }
    }
}
