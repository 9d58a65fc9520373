//! TIFF: the first image of a file.

use std::io::Cursor;

use ::image::metadata::Orientation;
use tiff::decoder::{BufferLayoutPreference, Decoder, DecodingResult};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::samples::{Channels, Samples};
use super::{Picture, check, most_bytes, palette_tiff};
use crate::{Error, Limits, Result, Size};

/// The image of a TIFF.
pub(super) fn decode(name: &str, bytes: &[u8], limits: &Limits) -> Result<Picture> {
    let damaged = |error: TiffError| Error::decode(name, error);
    let indices = palette_tiff::as_gray(bytes);
    let mut decoder = Decoder::new(Cursor::new(indices.as_deref().unwrap_or(bytes))).map_err(damaged)?;
    let (width, height) = decoder.dimensions().map_err(damaged)?;
    check(name, (height.into(), width.into()), limits)?;
    decoder = decoder.with_limits(bounds(limits));
    let color = decoder.colortype().map_err(damaged)?;
    let colors = match &indices {
        Some(_) => Some(decoder.get_tag_u16_vec(Tag::ColorMap).map_err(damaged)?),
        None => None,
    };
    // An image whose orientation or profile cannot be read is still an image.
    let orientation = decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten();
    let profile = decoder.get_tag_u8_vec(Tag::IccProfile).ok();
    let mut buffer = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut buffer).map_err(damaged)?;
    let size = Size { height: height as usize, width: width as usize };
    let samples = samples(size, color, &layout, buffer).ok_or_else(|| {
        Error::decode(
            name,
            format!("is a TIFF of {color:?}, which is not supported: save it in RGB of 8 bits"),
        )
    })?;
    let samples = match colors {
        Some(colors) => palette_tiff::colored(&samples, &colors, color.bit_depth()),
        None => samples,
    };
    let orientation = orientation.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms);
    Ok(Picture { samples, profile, orientation })
}

fn bounds(limits: &Limits) -> tiff::decoder::Limits {
    let most = usize::try_from(most_bytes(limits)).unwrap_or(usize::MAX);
    let mut bounds = tiff::decoder::Limits::default();
    bounds.decoding_buffer_size = most;
    bounds.intermediate_buffer_size = most;
    bounds
}

/// The numbers of a TIFF, if they are of a kind that is known.
fn samples(
    size: Size,
    color: ColorType,
    layout: &BufferLayoutPreference,
    buffer: DecodingResult,
) -> Option<Samples> {
    let (channels, bits) = match color {
        ColorType::Gray(bits) => (Channels::Gray, bits),
        ColorType::GrayA(bits) | ColorType::Multiband { bit_depth: bits, num_samples: 2 } => {
            (Channels::GrayAlpha, bits)
        }
        ColorType::RGB(bits) => (Channels::Rgb, bits),
        ColorType::RGBA(bits) => (Channels::Rgba, bits),
        ColorType::CMYK(bits) => (Channels::Cmyk, bits),
        _ => return None,
    };
    let values = match buffer {
        DecodingResult::U8(values) if bits < 8 && channels == Channels::Gray => {
            unpacked(&values, layout.row_stride?.get(), size.width, bits)?
        }
        DecodingResult::U8(values) if bits == 8 => values,
        DecodingResult::U16(values) if bits == 16 => {
            values.into_iter().map(|value| (value >> 8) as u8).collect()
        }
        _ => return None,
    };
    let values = if layout.planes > 1 { interleaved(&values, channels.count()) } else { values };
    let wanted = size.pixels()?.checked_mul(channels.count())?;
    (values.len() == wanted).then_some(Samples { size, channels, values })
}

/// Levels of fewer than 8 bits, each stretched to 8.
fn unpacked(rows: &[u8], stride: usize, width: usize, bits: u8) -> Option<Vec<u8>> {
    let most = u8::MAX.checked_shr(8 - u32::from(bits)).filter(|_| matches!(bits, 1 | 2 | 4))?;
    let in_byte = usize::from(8 / bits);
    let level = |row: &[u8], at: usize| {
        let byte = row.get(at / in_byte).copied().unwrap_or_default();
        let shift = 8 - usize::from(bits) * (at % in_byte + 1);
        (byte >> shift & most) * (u8::MAX / most)
    };
    let levels = |row| (0..width).map(move |at| level(row, at));
    Some(rows.chunks_exact(stride).flat_map(levels).collect())
}

/// Planes of channels as pixels.
fn interleaved(planes: &[u8], channels: usize) -> Vec<u8> {
    let length = planes.len() / channels;
    let value = |at: usize| planes.get(at % channels * length + at / channels).copied().unwrap_or_default();
    (0..length * channels).map(value).collect()
}
