//! Parts of an image, and room around it.

use crate::{Error, Image, Result, Size};

/// A rectangle that may reach beyond the image it lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crop {
    /// The first column, of the image's.
    pub(crate) left: isize,
    /// The first row.
    pub(crate) top: isize,
    pub(crate) size: Size,
}

/// What a crop shows of one axis.
#[derive(Clone, Copy, Debug)]
struct Shown {
    /// The first pixel of the image.
    from: usize,
    /// Its place in the crop.
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
        self.cropped(Crop::middle(self.size(), size), [0; 3])
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
        self.cropped(Crop::whole(size), color)
    }

    /// What a crop shows, with `color` where it is beside the image.
    pub(crate) fn cropped(&self, crop: Crop, color: [u8; 3]) -> Result<Self> {
        let size = crop.size.check("crop")?;
        let rows = Shown::at(crop.top, self.size().height, size.height);
        let columns = Shown::at(crop.left, self.size().width, size.width);
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

impl Crop {
    /// All of an image of size `size`.
    pub(crate) fn whole(size: Size) -> Self {
        Self { left: 0, top: 0, size }
    }

    /// Room around an image of size `of`; what cannot be halved is one less above and left.
    pub(crate) fn around(of: Size, size: Size) -> Self {
        let offset = |have: usize, want: usize| -((want.saturating_sub(have) / 2) as isize);
        Self { left: offset(of.width, size.width), top: offset(of.height, size.height), size }
    }

    /// The middle of an image of size `of`; what cannot be halved is one more above and left where room is added.
    pub(crate) fn middle(of: Size, size: Size) -> Self {
        let offset = |have: usize, want: usize| ((have as isize) - (want as isize)).div_euclid(2);
        Self { left: offset(of.width, size.width), top: offset(of.height, size.height), size }
    }
}

impl Shown {
    /// What `want` pixels from `offset` on show of `have`.
    fn at(offset: isize, have: usize, want: usize) -> Self {
        let (from, to) = (offset.max(0).unsigned_abs(), offset.min(0).unsigned_abs());
        Self { from, to, count: have.saturating_sub(from).min(want.saturating_sub(to)) }
    }
}
