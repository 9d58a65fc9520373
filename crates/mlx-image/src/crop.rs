//! Parts of an image, and room around it.

use crate::{Error, Image, Result, Size};

/// What a frame shows of one axis.
#[derive(Clone, Copy, Debug)]
struct Shown {
    /// The first pixel of the image.
    from: usize,
    /// Its place in the frame.
    to: usize,
    count: usize,
}

impl Image {
    /// The middle of the image, with black around it where it is smaller than `size`.
    ///
    /// Of an odd number of rows or columns, fewer are cut off, and more are added, above and left: as transformers does.
    ///
    /// # Errors
    /// The size is 0 or more than [`MOST_PIXELS`](Self::MOST_PIXELS).
    pub fn center_crop(&self, size: Size) -> Result<Self> {
        let shown = [(self.size().height, size.height), (self.size().width, size.width)];
        self.framed(size.check("crop")?, shown.map(|(have, want)| Shown::middle(have, want)), [0; 3])
    }

    /// The image with `color` below and right of it.
    ///
    /// # Errors
    /// The size is less than the image's, or more than [`MOST_PIXELS`](Self::MOST_PIXELS).
    pub fn pad(&self, size: Size, color: [u8; 3]) -> Result<Self> {
        let Size { height, width } = self.size();
        if height > size.height || width > size.width {
            return Err(Error::size("pad", size, format!("the image has {height} x {width} pixels")));
        }
        let whole = [height, width].map(|count| Shown { from: 0, to: 0, count });
        self.framed(size.check("pad")?, whole, color)
    }

    fn framed(&self, size: Size, [rows, columns]: [Shown; 2], color: [u8; 3]) -> Result<Self> {
        let mut pixels = color.repeat(size.pixels().unwrap_or_default());
        let targets = pixels.chunks_exact_mut(3 * size.width).skip(rows.to).take(rows.count);
        for (target, row) in targets.zip(self.rows().skip(rows.from)) {
            let target = target.get_mut(3 * columns.to..).unwrap_or_default();
            let row = row.get(3 * columns.from..).unwrap_or_default();
            let shown = target.iter_mut().zip(row).take(3 * columns.count);
            shown.for_each(|(target, value)| *target = *value);
        }
        Self::new(size, pixels)
    }
}

impl Shown {
    fn middle(have: usize, want: usize) -> Self {
        if have >= want {
            Self { from: (have - want) / 2, to: 0, count: want }
        } else {
            Self { from: 0, to: (want - have).div_ceil(2), count: have }
        }
    }
}
