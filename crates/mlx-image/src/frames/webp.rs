//! WebP, drawn frame over frame as libwebp's decoder of animations does, which Pillow uses.
//!
//! The container is RFC 9649. Each frame is decoded as a WebP of its own.

use std::ops::Range;
use std::time::Duration;

use ::image::ImageFormat;
use ::image::metadata::Orientation;

use super::canvas::{Area, Canvas, Pixel};
use super::{Source, Times};
use crate::decode::samples::{Channels, Samples};
use crate::decode::{Picture, check, chunks, of_exif, still};
use crate::{Error, Image, Limits, Opening, Result, Size};

/// Bytes before the chunks of a file: `RIFF`, its length, `WEBP`.
const HEADER: usize = 12;

/// The first frame of a WebP.
pub(crate) fn first(name: &str, bytes: &[u8], limits: &Limits) -> Result<Picture> {
    if is_animated(bytes) {
        let mut drawing = Drawing::new(name, bytes, *limits)?;
        drawing.draw(bytes)?;
        return Ok(drawing.picture());
    }
    whole(name, bytes)?;
    still(name, bytes, ImageFormat::WebP, limits)
}

/// Whether the header says that there are several frames.
pub(crate) fn is_animated(bytes: &[u8]) -> bool {
    const ANIMATED: u8 = 1 << 1;
    let first = chunks::riff(bytes, HEADER).next().filter(|(name, _)| name == b"VP8X");
    let flags = first.and_then(|(_, body)| bytes.get(body)?.first());
    flags.is_some_and(|flags| flags & ANIMATED != 0)
}

/// Refuses a file that is shorter than it says.
fn whole(name: &str, bytes: &[u8]) -> Result<()> {
    let length = bytes.get(4..).and_then(<[u8]>::first_chunk::<4>);
    if length.is_none_or(|length| u64::from(u32::from_le_bytes(*length)) + 8 > bytes.len() as u64) {
        return Err(Error::decode(name, "is cut off: its end is missing"));
    }
    Ok(())
}

/// The frames of an animated WebP.
pub(super) struct Animation {
    bytes: Vec<u8>,
    drawing: Drawing,
    opening: Opening,
}

impl Animation {
    pub(super) fn open(name: &str, bytes: Vec<u8>, opening: Opening) -> Result<Self> {
        let drawing = Drawing::new(name, &bytes, opening.limits)?;
        Ok(Self { bytes, drawing, opening })
    }

    pub(super) fn times(&self) -> Times {
        Times::of(self.drawing.parts.iter().map(|part| part.duration))
    }
}

impl Source for Animation {
    fn advance(&mut self, wanted: bool) -> Result<Option<Image>> {
        self.drawing.draw(&self.bytes)?;
        if !wanted {
            return Ok(None);
        }
        self.drawing.picture().finish(&self.drawing.name, &self.opening).map(Some)
    }
}

/// What is seen after some frames.
struct Drawing {
    name: String,
    limits: Limits,
    profile: Option<Vec<u8>>,
    orientation: Orientation,
    parts: Vec<Part>,
    /// How many frames are drawn.
    drawn: usize,
    canvas: Canvas,
    /// The last frame, and whether nothing before it was seen under it.
    last: Option<(Part, bool)>,
}

/// A frame: where it is, how it is drawn, and where its data lies in the file.
#[derive(Clone, Debug)]
struct Part {
    area: Area,
    duration: Duration,
    /// Whether it is mixed with what was there, by how transparent it is.
    mixed: bool,
    /// Whether its place is cleared when the next one is drawn.
    removed: bool,
    data: Range<usize>,
}

impl Drawing {
    fn new(name: &str, bytes: &[u8], limits: Limits) -> Result<Self> {
        whole(name, bytes)?;
        let cut = || Error::decode(name, "is a WebP whose header is damaged");
        let all = || chunks::riff(bytes, HEADER);
        let named = |wanted: &[u8; 4]| bytes.get(all().find(|(name, _)| name == wanted)?.1);
        let size = named(b"VP8X").and_then(|header| header.get(4..10)).and_then(size).ok_or_else(cut)?;
        check(name, (size.height as u64, size.width as u64), &limits)?;
        let frames = all().filter(|(name, _)| name == b"ANMF");
        let parts = frames.map(|(_, body)| Part::parse(bytes, body, size));
        let parts = parts.collect::<Option<Vec<_>>>().filter(|parts| !parts.is_empty()).ok_or_else(cut)?;
        Ok(Self {
            name: name.to_owned(),
            limits,
            profile: named(b"ICCP").map(<[u8]>::to_vec),
            orientation: of_exif(named(b"EXIF")),
            parts,
            drawn: 0,
            canvas: Canvas::new(size),
            last: None,
        })
    }

    /// Draws the next frame of the file that `bytes` are.
    fn draw(&mut self, bytes: &[u8]) -> Result<()> {
        let part = self.parts.get(self.drawn).cloned();
        let part = part.ok_or_else(|| Error::decode(&self.name, "has no further frame"))?;
        self.drawn += 1;
        let frame = alone(bytes.get(part.data.clone()).unwrap_or_default(), part.area.size);
        let frame = still(&self.name, &frame, ImageFormat::WebP, &self.limits)?.samples;
        if frame.size != part.area.size {
            return Err(Error::decode(&self.name, "has a frame of another size than it says"));
        }
        let clear = frame.channels == Channels::Rgba;
        let all = part.area.size == self.canvas.size();
        let removed = self.last.as_ref().filter(|(last, _)| last.removed).cloned();
        let alone = self.last.is_none()
            || all && !(clear && part.mixed)
            || removed.as_ref().is_some_and(|(last, alone)| *alone || last.area.size == self.canvas.size());
        match &removed {
            _ if alone => self.canvas.clear([0; 4]),
            Some((last, _)) => self.canvas.fill(last.area, [0; 4]),
            None => {}
        }
        let mixed = part.mixed && !alone;
        self.canvas.draw(part.area, &pixels(&frame), |&pixel, (row, column, under)| {
            // What was cleared is not mixed with, so that its transparent pixels keep their colours.
            let cleared = removed.as_ref().is_some_and(|(last, _)| last.area.holds(row, column));
            Some(if mixed && !cleared { over(pixel, under) } else { pixel })
        });
        self.last = Some((part, alone));
        Ok(())
    }

    fn picture(&self) -> Picture {
        let values = self.canvas.pixels().as_flattened().to_vec();
        let samples = Samples { size: self.canvas.size(), channels: Channels::Rgba, values };
        Picture { samples, profile: self.profile.clone(), orientation: self.orientation }
    }
}

impl Part {
    /// A frame's chunk, which lies there in the file.
    fn parse(bytes: &[u8], chunk: Range<usize>, canvas: Size) -> Option<Self> {
        const REMOVED: u8 = 1;
        const NOT_MIXED: u8 = 1 << 1;
        const DATA: usize = 16;
        let header = bytes.get(chunk.clone())?.get(..DATA)?;
        let [left, top] = [number(header.get(..3)?)?, number(header.get(3..6)?)?].map(|half| 2 * half);
        let size = size(header.get(6..12)?)?;
        let duration = Duration::from_millis(number(header.get(12..15)?)? as u64);
        let flags = header.last()?;
        let inside = top + size.height <= canvas.height && left + size.width <= canvas.width;
        inside.then_some(Self {
            area: Area { top, left, size },
            duration,
            mixed: flags & NOT_MIXED == 0,
            removed: flags & REMOVED != 0,
            data: chunk.start + DATA..chunk.end,
        })
    }
}

/// Three bytes as a number.
fn number(bytes: &[u8]) -> Option<usize> {
    let &[low, middle, high] = bytes else { return None };
    Some(u32::from_le_bytes([low, middle, high, 0]) as usize)
}

/// A width and a height, each one less than it is.
fn size(bytes: &[u8]) -> Option<Size> {
    let (width, height) = bytes.split_at_checked(3)?;
    Some(Size { height: number(height)? + 1, width: number(width)? + 1 })
}

/// The data of a frame as a file.
fn alone(data: &[u8], size: Size) -> Vec<u8> {
    const ALPHA: u8 = 1 << 4;
    let mut chunks = Vec::new();
    if data.starts_with(b"ALPH") {
        let edge = |length: usize| ((length - 1) as u32).to_le_bytes().into_iter().take(3);
        chunks.extend_from_slice(b"VP8X\x0a\0\0\0");
        chunks.extend([ALPHA, 0, 0, 0]);
        chunks.extend(edge(size.width).chain(edge(size.height)));
    }
    chunks.extend_from_slice(data);
    let length = (chunks.len() as u32).saturating_add(4).to_le_bytes();
    [b"RIFF".as_slice(), &length, b"WEBP", &chunks].concat()
}

fn pixels(samples: &Samples) -> Vec<Pixel> {
    if samples.channels == Channels::Rgba {
        return samples.values.as_chunks::<4>().0.to_vec();
    }
    let (pixels, _) = samples.values.as_chunks::<3>();
    pixels.iter().map(|&[red, green, blue]| [red, green, blue, u8::MAX]).collect()
}

/// A pixel mixed with the one under it, in the fixed point of libwebp.
fn over(pixel: Pixel, under: Pixel) -> Pixel {
    let ([.., alpha], [.., alpha_under]) = (pixel.map(u32::from), under.map(u32::from));
    match alpha {
        0 => return under,
        255 => return pixel,
        _ => {}
    }
    let below = (alpha_under * (256 - alpha)) >> 8;
    let sum = alpha + below;
    let scale = (1 << 24) / sum;
    let mixed = |(over, under): (u8, u8)| {
        let unscaled = u64::from(u32::from(over) * alpha + u32::from(under) * below);
        ((unscaled * u64::from(scale)) >> 24) as u8
    };
    let ([red, green, blue, _], [red_under, green_under, blue_under, _]) = (pixel, under);
    let [red, green, blue] = [(red, red_under), (green, green_under), (blue, blue_under)].map(mixed);
    [red, green, blue, sum as u8]
}
