//! The image within bounds of tokens, or tiles of it and that: LFM2-VL.
//!
//! The rules are those of transformers.

use serde::Deserialize;

use super::closest_ratio::{closest_ratio, ordered, times};
use super::plan::Plan;
use crate::canvas::Canvas;
use crate::fit::{Blocks, Many, Thin};
use crate::processor::Config;
use crate::processor::config::count;
use crate::{Error, Result, Size};

/// How many tokens an image has, and when it is cut.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BoundedTokens {
    /// The edge of a tile.
    tile: usize,
    /// The least and the most tiles.
    tiles: [usize; 2],
    /// The edge of a patch, and of the square of patches that become one token.
    pub(super) patch: usize,
    merge: usize,
    /// The least and the most tokens of what is seen of the whole.
    tokens: [usize; 2],
    /// How many times the most an image may have before it is cut.
    tolerance: f64,
    thumbnail: bool,
}

#[derive(Deserialize)]
struct Fields {
    downsample_factor: Option<usize>,
    do_image_splitting: Option<bool>,
    min_tiles: Option<usize>,
    max_tiles: Option<usize>,
    use_thumbnail: Option<bool>,
    min_image_tokens: Option<usize>,
    max_image_tokens: Option<usize>,
    encoder_patch_size: Option<usize>,
    tile_size: Option<usize>,
    max_pixels_tolerance: Option<f64>,
}

impl BoundedTokens {
    pub(super) fn new(config: &Config<'_>) -> Result<(Self, bool)> {
        let fields: Fields = config.more()?;
        let least = count("min_image_tokens", fields.min_image_tokens.unwrap_or(64))?;
        let most = count("max_image_tokens", fields.max_image_tokens.unwrap_or(256))?;
        let tiles = ordered([
            count("min_tiles", fields.min_tiles.unwrap_or(2))?,
            count("max_tiles", fields.max_tiles.unwrap_or(10))?,
        ])?;
        let tiling = Self {
            tile: count("tile_size", fields.tile_size.unwrap_or(512))?,
            tiles,
            patch: count("encoder_patch_size", fields.encoder_patch_size.unwrap_or(16))?,
            merge: count("downsample_factor", fields.downsample_factor.unwrap_or(2))?,
            tokens: [least, most],
            tolerance: fields.max_pixels_tolerance.unwrap_or(2.0),
            thumbnail: fields.use_thumbnail.unwrap_or(true),
        };
        if !tiling.tile.is_multiple_of(tiling.patch) {
            let problem = format!("tile_size {} is not a multiple of encoder_patch_size", tiling.tile);
            return Err(Error::config(problem));
        }
        Ok((tiling, fields.do_image_splitting.unwrap_or(true)))
    }

    pub(super) fn plan(&self, source: Size, cuts: bool) -> Result<Plan> {
        let edge = self.patch * self.merge;
        let [least, most] = self.tokens.map(|tokens| tokens.saturating_mul(edge * edge));
        let fitted = Blocks { edge, least, most, thin: Thin::Filled }.fit(source, Many::ONE)?;
        let canvas = Canvas::whole(source);
        let whole = canvas.clone().resized(fitted);
        if !cuts || self.tiles == [1, 1] || !self.is_large(source, most) {
            return Ok(Plan::whole(whole));
        }
        let tile = Size::square(self.tile);
        let grid = closest_ratio(source, tile, self.tiles);
        let mut canvases = vec![canvas.resized(times(tile, grid)).cut(tile)];
        canvases.extend((self.thumbnail && grid != Size::square(1)).then_some(whole));
        Ok(Plan { grid, canvases })
    }

    /// Whether an image has too many pixels to be seen as a whole only.
    fn is_large(&self, source: Size, most: usize) -> bool {
        let edge = (self.patch * self.merge) as f64;
        let blocks = |length: usize| ((length as f64 / edge).round_ties_even() * edge).max(self.patch as f64);
        blocks(source.height) * blocks(source.width) > most as f64 * self.tolerance
    }
}
