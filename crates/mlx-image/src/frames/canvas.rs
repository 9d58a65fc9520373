//! What frames are drawn on.

use crate::Size;

/// Red, green, blue, and how much of them is there.
pub(super) type Pixel = [u8; 4];

/// An image that frames are drawn on.
#[derive(Clone, Debug)]
pub(super) struct Canvas {
    size: Size,
    pixels: Vec<Pixel>,
}

/// Part of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) size: Size,
}

impl Area {
    /// Whether the pixel in this row and column is in it.
    pub(super) fn holds(&self, row: usize, column: usize) -> bool {
        let inside = |at: usize, first: usize, count: usize| at >= first && at - first < count;
        inside(row, self.top, self.size.height) && inside(column, self.left, self.size.width)
    }
}

impl Canvas {
    /// A transparent image.
    pub(super) fn new(size: Size) -> Self {
        Self { size, pixels: vec![[0; 4]; size.pixels().unwrap_or_default()] }
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    pub(super) fn pixels(&self) -> &[Pixel] {
        &self.pixels
    }

    /// Makes all of it one colour.
    pub(super) fn clear(&mut self, pixel: Pixel) {
        self.pixels.fill(pixel);
    }

    /// Makes an area one colour.
    pub(super) fn fill(&mut self, area: Area, pixel: Pixel) {
        let (rows, columns) = (area.top..area.top + area.size.height, area.left..area.left + area.size.width);
        for row in self.pixels.chunks_exact_mut(self.size.width.max(1)).take(rows.end).skip(rows.start) {
            row.iter_mut().take(columns.end).skip(columns.start).for_each(|target| *target = pixel);
        }
    }

    /// Puts pixels into an area.
    pub(super) fn paste(&mut self, area: Area, pixels: &[Pixel]) {
        self.draw(area, pixels, |&pixel, _| Some(pixel));
    }

    /// Draws what `over` makes of the numbers of an area and where each lies; where it makes nothing, what was there
    /// stays. What lies beyond the image is left out.
    pub(super) fn draw<T>(
        &mut self,
        area: Area,
        values: &[T],
        over: impl Fn(&T, (usize, usize, Pixel)) -> Option<Pixel>,
    ) {
        if area.size.width == 0 || self.size.width == 0 {
            return;
        }
        let targets = self.pixels.chunks_exact_mut(self.size.width).enumerate().skip(area.top);
        for ((row, target), values) in targets.zip(values.chunks_exact(area.size.width)) {
            let targets = target.iter_mut().enumerate().skip(area.left);
            for ((column, target), value) in targets.zip(values) {
                *target = over(value, (row, column, *target)).unwrap_or(*target);
            }
        }
    }

    /// The pixels of an area; those beyond the image are transparent.
    pub(super) fn copy(&self, area: Area) -> Vec<Pixel> {
        let at = |row: usize, column: usize| {
            let inside = column < self.size.width;
            self.pixels.get(row * self.size.width + column).filter(|_| inside).copied().unwrap_or_default()
        };
        let row = |row| (area.left..area.left + area.size.width).map(move |column| at(row, column));
        (area.top..area.top + area.size.height).flat_map(row).collect()
    }

    /// Makes the image large enough for an area, with a colour below and right of what it was.
    pub(super) fn grow(&mut self, area: Area, pixel: Pixel) {
        let height = self.size.height.max(area.top + area.size.height);
        let width = self.size.width.max(area.left + area.size.width);
        let size = Size { height, width };
        if size == self.size {
            return;
        }
        let mut grown = Self { size, pixels: vec![pixel; size.pixels().unwrap_or_default()] };
        grown.paste(Area { top: 0, left: 0, size: self.size }, &self.pixels);
        *self = grown;
    }
}
