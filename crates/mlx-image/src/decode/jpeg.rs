//! JPEG.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::samples::{Channels, Samples};
use super::{Picture, check, of_exif};
use crate::{Error, Opening, Profile, Result, Size};

/// The image of a JPEG.
///
/// Four channels are ink, inverted as Adobe writes it; Pillow takes them so, whoever wrote them.
pub(super) fn decode(name: &str, bytes: &[u8], opening: &Opening) -> Result<Picture> {
    let damaged = |error: zune_jpeg::errors::DecodeErrors| Error::decode(name, error);
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    check(name, (height as u64, width as u64), &opening.limits)?;
    if !ends(bytes) {
        return Err(Error::decode(name, "is cut off: its end is missing"));
    }
    let profile = decoder.icc_profile().filter(|_| opening.profile == Profile::ToSrgb);
    let orientation = of_exif(decoder.exif().map(Vec::as_slice));
    let stored = decoder.input_colorspace().unwrap_or(ColorSpace::RGB);
    // Ink stays ink only for a profile.
    let (wanted, channels) = match stored {
        ColorSpace::Luma => (ColorSpace::Luma, Channels::Gray),
        ColorSpace::CMYK | ColorSpace::YCCK if profile.is_some() => (stored, Channels::Cmyk),
        _ => (ColorSpace::RGB, Channels::Rgb),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(wanted));
    let mut values = vec![0; width * height * channels.count()];
    decoder.decode_into(&mut values).map_err(damaged)?;
    if channels == Channels::Cmyk {
        values.as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| *pixel = ink(*pixel, stored));
    }
    let samples = Samples { size: Size { height, width }, channels, values };
    Ok(Picture { samples, profile, orientation })
}

/// Whether the data of a JPEG has an end.
///
/// A decoder that goes on without it makes the rest gray; Pillow refuses it.
fn ends(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    let Some(mut rest) = bytes.get(2..) else { return false };
    // Metadata may hold a small JPEG with an end of its own, so segments before the data are skipped.
    while let [0xff, marker, more @ ..] = rest {
        if *marker == 0xff {
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let Some((length, _)) = more.split_first_chunk::<2>() else { return false };
        rest = more.get(usize::from(u16::from_be_bytes(*length))..).unwrap_or_default();
        if *marker == START_OF_SCAN {
            break;
        }
    }
    // The end is near the end, mostly.
    rest.windows(2).rev().any(|pair| pair == END_OF_IMAGE)
}

/// The ink of a pixel as Adobe writes it: inverted, and the colours perhaps as luma and chroma (JFIF).
fn ink([first, second, third, black]: [u8; 4], stored: ColorSpace) -> [u8; 4] {
    let [cyan, magenta, yellow] = match stored {
        ColorSpace::YCCK => {
            let (luma, blue, red) = (f32::from(first), f32::from(second) - 128.0, f32::from(third) - 128.0);
            let color = [luma + 1.402 * red, luma - 0.344_136 * blue - 0.714_136 * red, luma + 1.772 * blue];
            color.map(|level| level.round() as u8)
        }
        _ => [first, second, third].map(|level| 255 - level),
    };
    [cyan, magenta, yellow, 255 - black]
}
