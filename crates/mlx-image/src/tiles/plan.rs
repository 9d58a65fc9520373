//! What is to be done to an image, before it is.

use super::TileLayout;
use crate::canvas::Canvas;
use crate::{Error, Result, Size};

/// How an image is cut into tiles.
pub(super) struct Plan {
    pub(super) grid: Size,
    pub(super) canvases: Vec<Canvas>,
}

/// The most tiles of an image.
const MOST_TILES: usize = 1 << 12;

impl Plan {
    /// An image that is seen as a whole.
    pub(super) fn whole(canvas: Canvas) -> Self {
        Self { grid: Size::square(0), canvases: vec![canvas] }
    }

    /// This, if tiles are images that can be, and no more than an image may have.
    pub(super) fn checked(self) -> Result<Self> {
        let mut tiles = 0_usize;
        for canvas in &self.canvases {
            canvas.size().check("cut an image")?;
            tiles = tiles.saturating_add(canvas.count());
        }
        if tiles > MOST_TILES {
            let problem = format!("there would be {tiles} tiles, more than {MOST_TILES}");
            return Err(Error::size("cut an image", self.grid, problem));
        }
        Ok(self)
    }

    pub(super) fn layout(&self) -> TileLayout {
        TileLayout { grid: self.grid, views: self.canvases.iter().flat_map(Canvas::views).collect() }
    }
}
