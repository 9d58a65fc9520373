//! An image in memory.

use std::fmt;
use std::path::Path;

use crate::decode::{self, source};
use crate::{Error, Opening, Result, Size};

/// An image in RGB, 8 bits a channel.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    size: Size,
    pixels: Vec<u8>,
}

impl Image {
    /// The most pixels that an image has.
    pub const MOST_PIXELS: usize = 1 << 27;

    /// An image of rows of pixels, each a red, a green and a blue: `[height, width, 3]`.
    ///
    /// # Errors
    /// The size is 0 or more than [`MOST_PIXELS`](Self::MOST_PIXELS), or there are not as many numbers.
    pub fn new(size: Size, pixels: Vec<u8>) -> Result<Self> {
        let wanted = 3 * size.check("make an image")?.pixels().unwrap_or_default();
        if pixels.len() != wanted {
            let problem = format!("there are {} numbers, not {wanted}", pixels.len());
            return Err(Error::size("make an image", size, problem));
        }
        Ok(Self { size, pixels })
    }

    /// Reads a PNG, JPEG, WebP, GIF, BMP or TIFF, of several images the first, with the default [`Opening`].
    ///
    /// It is turned as its EXIF orientation says. Transparency is dropped and a colour profile ignored, as Pillow's
    /// `convert("RGB")` does. Of 16 bits the upper 8 count, also in gray, which Pillow makes white instead.
    ///
    /// # Errors
    /// The path is no file, or the file cannot be read, is no image of these formats, is damaged or cut off, or is
    /// larger than the limits.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &Opening::default())
    }

    /// Reads a file as [`open`](Self::open), but so.
    pub fn open_with(path: impl AsRef<Path>, opening: &Opening) -> Result<Self> {
        let path = path.as_ref();
        let bytes = source::read(path, &opening.limits)?;
        decode::decode(&path.display().to_string(), &bytes, opening)
    }

    /// Reads the bytes of a file as [`open`](Self::open) does.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        Self::decode_with(bytes, &Opening::default())
    }

    /// Reads the bytes of a file as [`open`](Self::open) does, but so.
    pub fn decode_with(bytes: &[u8], opening: &Opening) -> Result<Self> {
        decode::decode("image", bytes, opening)
    }

    /// The height and the width.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The pixels `[height, width, 3]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The image with rows for columns.
    pub(crate) fn transposed(&self) -> Result<Self> {
        let (pixels, _) = self.pixels.as_chunks::<3>();
        let column = |at: usize| pixels.iter().skip(at).step_by(self.size.width.max(1)).copied();
        Self::new(self.size.transposed(), (0..self.size.width).flat_map(column).flatten().collect())
    }

    /// The rows, each `[width, 3]`.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.pixels.chunks_exact(3 * self.size.width)
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({})", self.size)
    }
}
