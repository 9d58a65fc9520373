//! From the bytes of a file to an image.

pub(crate) mod chunks;
mod jpeg;
mod orientation;
mod palette_tiff;
mod profile;
pub(crate) mod samples;
pub(crate) mod source;
mod tiff;

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::image::metadata::Orientation;
use ::image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

pub(crate) use self::orientation::of_exif;
use self::samples::Samples;
use crate::frames::{gif, webp};
use crate::{Error, Image, Limits, Opening, Profile, Result};

/// The formats that are read.
const FORMATS: [(ImageFormat, &str); 6] = [
    (ImageFormat::Png, "PNG"),
    (ImageFormat::Jpeg, "JPEG"),
    (ImageFormat::WebP, "WebP"),
    (ImageFormat::Gif, "GIF"),
    (ImageFormat::Bmp, "BMP"),
    (ImageFormat::Tiff, "TIFF"),
];

/// What a file holds: its numbers, and what they mean.
pub(crate) struct Picture {
    pub(crate) samples: Samples,
    pub(crate) profile: Option<Vec<u8>>,
    pub(crate) orientation: Orientation,
}

/// The image in `bytes`, which errors call `name`; of several the first.
pub(crate) fn decode(name: &str, bytes: &[u8], opening: &Opening) -> Result<Image> {
    source::within(name, bytes.len() as u64, &opening.limits)?;
    guarded(name, || picture(name, bytes, opening)?.finish(name, opening))
}

/// What `decode` gives, or an error if it panics: decoders of other crates may, whatever they are given.
pub(crate) fn guarded<T>(name: &str, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    let refused = |_| Err(Error::decode(name, "is damaged in a way that its decoder does not expect"));
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(refused)
}

fn picture(name: &str, bytes: &[u8], opening: &Opening) -> Result<Picture> {
    match format(name, bytes)? {
        ImageFormat::Jpeg => jpeg::decode(name, bytes, opening),
        ImageFormat::Tiff => tiff::decode(name, bytes, &opening.limits),
        ImageFormat::Gif => gif::first(name, bytes, &opening.limits),
        ImageFormat::WebP => webp::first(name, bytes, &opening.limits),
        format => still(name, bytes, format, &opening.limits),
    }
}

/// An image of a format of one image.
pub(crate) fn still(name: &str, bytes: &[u8], format: ImageFormat, limits: &Limits) -> Result<Picture> {
    let damaged = |error: ::image::ImageError| Error::decode(name, error);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(allocations(limits));
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    check(name, (height.into(), width.into()), limits)?;
    // An image whose EXIF cannot be read is still an image, and so is one without its profile.
    let mut exif = decoder.exif_metadata().ok().flatten();
    if format == ImageFormat::Png {
        exif = exif.or_else(|| chunks::png(bytes, *b"eXIf").map(<[u8]>::to_vec));
    }
    let profile = decoder.icc_profile().ok().flatten();
    let samples = Samples::of(DynamicImage::from_decoder(decoder).map_err(damaged)?);
    Ok(Picture { samples, profile, orientation: of_exif(exif.as_deref()) })
}

/// The format of `bytes`.
pub(crate) fn format(name: &str, bytes: &[u8]) -> Result<ImageFormat> {
    let found = ::image::guess_format(bytes).ok();
    let known = found.filter(|found| FORMATS.iter().any(|(format, _)| format == found));
    known.ok_or_else(|| {
        let names = FORMATS.map(|(_, name)| name).join(", ");
        Error::decode(name, format!("is no image of a known format (known: {names})"))
    })
}

/// What a decoder may allocate: 4 channels of 16 bits a pixel, and room for its own tables.
fn allocations(limits: &Limits) -> ::image::Limits {
    let mut allocations = ::image::Limits::no_limits();
    allocations.max_alloc = Some(most_bytes(limits));
    allocations
}

/// The most bytes of a decoder's buffers.
fn most_bytes(limits: &Limits) -> u64 {
    const TABLES: u64 = 1 << 24;
    limits.most_pixels().saturating_mul(8).saturating_add(TABLES)
}

/// Refuses more pixels than there may be.
pub(crate) fn check(name: &str, (height, width): (u64, u64), limits: &Limits) -> Result<()> {
    let most = limits.most_pixels();
    if height.saturating_mul(width) > most {
        let found = format!("its size of {height} x {width} pixels");
        return Err(Error::TooLarge { name: name.to_owned(), found, limit: "pixels", most });
    }
    Ok(())
}

impl Picture {
    /// The image, in the colours that were asked for, and the right way up.
    pub(crate) fn finish(self, name: &str, opening: &Opening) -> Result<Image> {
        let samples = match (opening.profile, self.profile) {
            (Profile::ToSrgb, Some(icc)) => profile::to_srgb(self.samples, &icc)
                .map_err(|problem| Error::decode(name, format!("its colour profile: {problem}")))?,
            _ => self.samples,
        };
        let size = samples.size;
        let image = Image::new(size, samples.into_rgb(opening.transparency));
        let image = image.map_err(|error| Error::decode(name, error))?;
        Ok(orientation::turned(image, self.orientation))
    }
}
