//! How tiles are made of an image: a part of it, resized, with room around it, cut up.
//!
//! Every processor first says which canvases it wants for an image of some size. What a model sees, and how many tokens
//! that are, is known from these without a pixel.

use std::borrow::Cow;

use crate::crop::Crop;
use crate::{Filter, Image, Levels, Pixels, Result, Size, View};

/// A part of an image, resized and cut into tiles of one size.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Canvas {
    source: Size,
    /// Rows are columns while it is resized, which rounds otherwise.
    turned: bool,
    part: Crop,
    /// What is beside the image.
    beside: [u8; 3],
    /// The sizes it is resized to, one after the other.
    sizes: Vec<Size>,
    /// What is taken of the last of them.
    crop: Crop,
    /// What is beside that.
    room: [u8; 3],
    tiles: Grid,
    /// The size in which all of that is seen, of which the floats are resized by curves.
    seen: Option<Size>,
}

/// Tiles of one size, row by row.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Grid {
    tile: Size,
    /// How far the next begins.
    step: Size,
    count: Size,
}

impl Canvas {
    /// All of an image of size `source`, as it is, as one tile.
    pub(crate) fn whole(source: Size) -> Self {
        Self::part(source, Crop::whole(source), [0; 3])
    }

    /// A part of an image of size `source`, with `beside` where it is beside the image.
    pub(crate) fn part(source: Size, part: Crop, beside: [u8; 3]) -> Self {
        let (crop, tiles) = (Crop::whole(part.size), Grid::one(part.size));
        let (sizes, room) = (Vec::new(), [0; 3]);
        Self { source, turned: false, part, beside, sizes, crop, room, tiles, seen: None }
    }

    /// This, of which rows are columns while it is resized if `turned`.
    pub(crate) fn turned(self, turned: bool) -> Self {
        Self { turned, ..self }
    }

    /// This as one tile of that size, of which the floats are resized by curves.
    pub(crate) fn seen_in(self, size: Size) -> Self {
        Self { seen: Some(size), ..self }
    }

    /// This, resized.
    pub(crate) fn resized(mut self, size: Size) -> Self {
        self.sizes.push(size);
        (self.crop, self.tiles) = (Crop::whole(size), Grid::one(size));
        self
    }

    /// What a crop shows of this, with `room` where it is beside it.
    pub(crate) fn cropped(mut self, crop: Crop, room: [u8; 3]) -> Self {
        (self.crop, self.room, self.tiles) = (crop, room, Grid::one(crop.size));
        self
    }

    /// This, cut into as many tiles of one size as it consists of.
    pub(crate) fn cut(mut self, tile: Size) -> Self {
        let count = |length: usize, tile: usize| length / tile.max(1);
        let Size { height, width } = self.crop.size;
        let count = Size { height: count(height, tile.height), width: count(width, tile.width) };
        self.tiles = Grid { tile, step: tile, count };
        self
    }

    /// This, cut into so many tiles of one size, each of which begins a step behind the one before.
    pub(crate) fn overlapped(mut self, tile: Size, step: Size, count: Size) -> Self {
        self.tiles = Grid { tile, step, count };
        self
    }

    /// The size before it is cut, in which room counts.
    pub(crate) fn size(&self) -> Size {
        self.crop.size
    }

    /// How many tiles there are.
    pub(crate) fn count(&self) -> usize {
        self.tiles.count.height.saturating_mul(self.tiles.count.width)
    }

    /// What the tiles show.
    pub(crate) fn views(&self) -> Vec<View> {
        let resized = self.sizes.last().copied().unwrap_or(self.part.size);
        let along =
            |at: isize, extent: usize, resized: usize| at as f64 * extent as f64 / resized.max(1) as f64;
        let x = |at: isize| along(at, self.part.size.width, resized.width);
        let y = |at: isize| along(at, self.part.size.height, resized.height);
        let view = |crop: Crop| View {
            source: self.source,
            size: self.seen.unwrap_or(crop.size),
            from: [
                self.part.left as f64 + x(self.crop.left + crop.left),
                self.part.top as f64 + y(self.crop.top + crop.top),
            ],
            extent: [x(crop.size.width as isize), y(crop.size.height as isize)],
        };
        self.tiles.crops().map(view).collect()
    }

    /// The floats of the tiles of an image, which has the size that this was made for.
    pub(crate) fn pixels(&self, image: &Image, filter: Filter, levels: &Levels) -> Result<Vec<Pixels>> {
        let tiles = self.tiles(image, filter)?;
        let floats = |tile: &Image| match self.seen {
            None => levels.apply(tile),
            Some(size) => levels.apply(tile).by_curves(size),
        };
        Ok(tiles.iter().map(floats).collect())
    }

    /// The tiles of an image, which has the size that this was made for.
    pub(crate) fn tiles(&self, image: &Image, filter: Filter) -> Result<Vec<Image>> {
        let mut image = Cow::Borrowed(image);
        if self.part != Crop::whole(image.size()) {
            image = Cow::Owned(image.cropped(self.part, self.beside)?);
        }
        for &size in &self.sizes {
            if size != image.size() {
                image = Cow::Owned(if self.turned {
                    image.transposed()?.resize(size.transposed(), filter)?.transposed()?
                } else {
                    image.resize(size, filter)?
                });
            }
        }
        if self.crop != Crop::whole(image.size()) {
            image = Cow::Owned(image.cropped(self.crop, self.room)?);
        }
        if self.tiles == Grid::one(image.size()) {
            return Ok(vec![image.into_owned()]);
        }
        self.tiles.crops().map(|crop| image.cropped(crop, self.room)).collect()
    }
}

impl Grid {
    fn one(size: Size) -> Self {
        Self { tile: size, step: size, count: Size::square(1) }
    }

    fn crops(self) -> impl Iterator<Item = Crop> {
        let Self { tile, step, count } = self;
        (0..count.height).flat_map(move |row| {
            (0..count.width).map(move |column| Crop {
                left: (column * step.width) as isize,
                top: (row * step.height) as isize,
                size: tile,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(height: usize, width: usize) -> Size {
        Size { height, width }
    }

    #[test]
    fn tiles_show_their_parts_of_the_source() {
        let canvas = Canvas::whole(size(10, 40)).resized(size(20, 80));
        let cropped = canvas.cropped(Crop::middle(size(20, 80), size(40, 80)), [0; 3]).cut(Size::square(40));
        let views = cropped.views();
        assert_eq!(views.len(), 2);
        assert_eq!((views[0].from, views[0].extent), ([0.0, -5.0], [20.0, 20.0]));
        assert_eq!((views[1].from, views[1].to_source([20.0, 20.0])), ([20.0, -5.0], [30.0, 5.0]));
    }

    #[test]
    fn tiles_are_cut_row_by_row() {
        let image = Image::new(size(2, 4), (0..24).collect()).unwrap();
        let tiles = Canvas::whole(size(2, 4)).cut(size(1, 2)).tiles(&image, Filter::Box).unwrap();
        let firsts: Vec<_> = tiles.iter().map(|tile| (tile.size(), tile.pixels()[0])).collect();
        assert_eq!(firsts, [0, 6, 12, 18].map(|first| (size(1, 2), first)));
    }
}
