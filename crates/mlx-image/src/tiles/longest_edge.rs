//! The longer edge brought to a length, tiles of that, then the whole image: Idefics3 and SmolVLM.
//!
//! Laurençon et al., "Building and better understanding vision-language models"; the rounding is that of transformers.

use serde::Deserialize;

use super::plan::Plan;
use crate::canvas::Canvas;
use crate::processor::Config;
use crate::processor::config::Lengths;
use crate::{Result, Size};

/// How long the longer edge becomes, and the edge of a tile.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LongestEdge {
    /// Not if images are taken as they are.
    longest: Option<Longest>,
    tile: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Longest {
    Edge(usize),
    Exact(Size),
}

#[derive(Deserialize)]
struct Fields {
    max_image_size: Option<Lengths>,
    do_image_splitting: Option<bool>,
}

/// The longest edge that an image gets, whatever a checkpoint says.
const LONGEST: usize = 4096;

impl LongestEdge {
    pub(super) fn new(config: &Config<'_>) -> Result<(Self, bool)> {
        let fields: Fields = config.more()?;
        let longest = || match config.size::<Lengths>()? {
            None => Ok(Longest::Edge(4 * 364)),
            Some(size) => match size.longest("size") {
                Ok(edge) => Ok(Longest::Edge(edge)),
                Err(error) => size.exact("size").map(Longest::Exact).map_err(|_| error),
            },
        };
        let tile = fields.max_image_size.map_or(Ok(364), |size| size.longest("max_image_size"))?;
        let longest = config.do_resize.then(longest).transpose()?;
        Ok((Self { longest, tile }, fields.do_image_splitting.unwrap_or(true)))
    }

    pub(super) fn plan(&self, source: Size, cuts: bool) -> Plan {
        let mut canvas = Canvas::whole(source);
        match self.longest {
            Some(Longest::Edge(edge)) => canvas = canvas.resized(within(lengthened(source, edge))),
            Some(Longest::Exact(size)) => canvas = canvas.resized(size),
            None => {}
        }
        let tile = Size::square(self.tile);
        if !cuts {
            return Plan::whole(canvas.resized(tile));
        }
        let whole = self.whole_tiles(canvas.size());
        let canvas = canvas.resized(whole);
        if whole == tile {
            return Plan::whole(canvas);
        }
        // What is seen of the whole is made of what the tiles are made of.
        let global = canvas.clone().resized(tile);
        let grid = Size { height: whole.height / self.tile, width: whole.width / self.tile };
        Plan { grid, canvases: vec![canvas.cut(tile), global] }
    }

    /// The size of whole tiles for an image of this size: the longer edge first, from which the other follows.
    fn whole_tiles(&self, size: Size) -> Size {
        let up = |length: usize| length.div_ceil(self.tile).saturating_mul(self.tile);
        let ratio = size.width as f64 / size.height as f64;
        if size.width >= size.height {
            let width = up(size.width);
            Size { height: up((width as f64 / ratio) as usize), width }
        } else {
            let height = up(size.height);
            Size { height, width: up((height as f64 * ratio) as usize) }
        }
    }
}

/// A size whose longer edge has this length, and whose other one is even.
fn lengthened(size: Size, longest: usize) -> Size {
    let ratio = size.width as f64 / size.height as f64;
    let even = |length: f64| (length as usize).next_multiple_of(2).max(1);
    if size.width >= size.height {
        Size { height: even(longest as f64 / ratio), width: longest }
    } else {
        Size { height: longest, width: even(longest as f64 * ratio) }
    }
}

/// A size whose edges are not longer than any may be.
fn within(size: Size) -> Size {
    let ratio = size.width as f64 / size.height as f64;
    if size.width >= size.height && size.width > LONGEST {
        Size { height: ((LONGEST as f64 / ratio) as usize).max(1), width: LONGEST }
    } else if size.height > size.width && size.height > LONGEST {
        Size { height: LONGEST, width: ((LONGEST as f64 * ratio) as usize).max(1) }
    } else {
        size
    }
}
