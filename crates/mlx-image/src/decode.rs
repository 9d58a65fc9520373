//! From the bytes of a file to an image.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use ::image::metadata::Orientation;
use ::image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use crate::{Error, Image, Result, Size};

/// How large an image may be, so that a small file cannot fill the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a file.
    pub bytes: u64,
    /// The most pixels of an image; [`Image::MOST_PIXELS`] is the limit even if this is more.
    pub pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 28, pixels: Image::MOST_PIXELS as u64 }
    }
}

/// The formats that are read.
const FORMATS: [(ImageFormat, &str); 5] = [
    (ImageFormat::Png, "PNG"),
    (ImageFormat::Jpeg, "JPEG"),
    (ImageFormat::WebP, "WebP"),
    (ImageFormat::Gif, "GIF"),
    (ImageFormat::Bmp, "BMP"),
];

/// What a file holds, if it is no larger than it may be.
pub(crate) fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    let failed = |source: io::Error| Error::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(limits.bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The image in `bytes`, which errors call `name`.
pub(crate) fn decode(name: &str, bytes: &[u8], limits: &Limits) -> Result<Image> {
    if bytes.len() as u64 > limits.bytes {
        let found = "its size in bytes".to_owned();
        return Err(Error::TooLarge { name: name.to_owned(), found, limit: "bytes", most: limits.bytes });
    }
    let damaged = |error: ::image::ImageError| Error::decode(name, error);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format(name, bytes)?);
    reader.limits(allocations(limits));
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    check(name, (height, width), limits)?;
    // An image whose EXIF cannot be read is still an image.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    image.apply_orientation(orientation);
    let size = Size { height: image.height() as usize, width: image.width() as usize };
    Image::new(size, rgb(image)).map_err(|error| Error::decode(name, error))
}

fn format(name: &str, bytes: &[u8]) -> Result<ImageFormat> {
    let found = ::image::guess_format(bytes).ok();
    let known = found.filter(|found| FORMATS.iter().any(|(format, _)| format == found));
    known.ok_or_else(|| {
        let names = FORMATS.map(|(_, name)| name).join(", ");
        Error::decode(name, format!("is no image of a known format (known: {names})"))
    })
}

/// What a decoder may allocate: 4 channels of 16 bits a pixel, and room for its own tables.
fn allocations(limits: &Limits) -> ::image::Limits {
    const TABLES: u64 = 1 << 24;
    let mut allocations = ::image::Limits::no_limits();
    allocations.max_alloc = Some(limits.pixels.saturating_mul(8).saturating_add(TABLES));
    allocations
}

fn check(name: &str, (height, width): (u32, u32), limits: &Limits) -> Result<()> {
    let most = limits.pixels.min(Image::MOST_PIXELS as u64);
    if u64::from(height) * u64::from(width) > most {
        let found = format!("its size of {height} x {width} pixels");
        return Err(Error::TooLarge { name: name.to_owned(), found, limit: "pixels", most });
    }
    Ok(())
}

/// The pixels in RGB.
fn rgb(image: DynamicImage) -> Vec<u8> {
    let upper = |all: &[u16]| all.iter().map(|&value| (value >> 8) as u8).collect::<Vec<_>>();
    match &image {
        DynamicImage::ImageLuma8(gray) => spread::<1>(gray.as_raw()),
        DynamicImage::ImageLumaA8(gray) => spread::<2>(gray.as_raw()),
        DynamicImage::ImageRgba8(color) => spread::<4>(color.as_raw()),
        DynamicImage::ImageLuma16(gray) => spread::<1>(&upper(gray.as_raw())),
        DynamicImage::ImageLumaA16(gray) => spread::<2>(&upper(gray.as_raw())),
        DynamicImage::ImageRgb16(color) => upper(color.as_raw()),
        DynamicImage::ImageRgba16(color) => spread::<4>(&upper(color.as_raw())),
        _ => image.into_rgb8().into_raw(),
    }
}

/// Pixels of so many channels as RGB: the first three, or the first three times.
fn spread<const CHANNELS: usize>(samples: &[u8]) -> Vec<u8> {
    let (pixels, _) = samples.as_chunks::<CHANNELS>();
    let rgb = |pixel: &[u8; CHANNELS]| match pixel.as_slice() {
        [red, green, blue, ..] => [*red, *green, *blue],
        [gray, ..] => [*gray; 3],
        [] => [0; 3],
    };
    pixels.iter().flat_map(rgb).collect()
}
