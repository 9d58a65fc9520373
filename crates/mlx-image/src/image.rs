//! An image in memory.

use std::fmt;
use std::path::Path;

use crate::{Error, Limits, Result, Size, decode};

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

    /// Reads a PNG, JPEG, WebP, GIF (its first frame) or BMP within the default [`Limits`].
    ///
    /// It is turned as its EXIF orientation says. Transparency is dropped, as Pillow's `convert("RGB")` does, and of
    /// 16 bits the upper 8 count.
    ///
    /// # Errors
    /// The file cannot be read, is no image of these formats, is damaged, or is larger than the limits.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_within(path, &Limits::default())
    }

    /// Reads a file as [`open`](Self::open), within these limits.
    pub fn open_within(path: impl AsRef<Path>, limits: &Limits) -> Result<Self> {
        let path = path.as_ref();
        decode::decode(&path.display().to_string(), &decode::read(path, limits)?, limits)
    }

    /// Reads the bytes of a file as [`open`](Self::open) does.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        Self::decode_within(bytes, &Limits::default())
    }

    /// Reads the bytes of a file as [`open`](Self::open) does, within these limits.
    pub fn decode_within(bytes: &[u8], limits: &Limits) -> Result<Self> {
        decode::decode("image", bytes, limits)
    }

    /// The height and the width.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The pixels `[height, width, 3]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
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
