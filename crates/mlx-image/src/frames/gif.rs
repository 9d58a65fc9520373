//! GIF, drawn frame over frame as Pillow draws it.

use std::io::{Chain, Cursor, Read};
use std::time::Duration;

use ::image::metadata::Orientation;
use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, MemoryLimit};

use super::canvas::{Area, Canvas, Pixel};
use super::{Source, Times};
use crate::decode::samples::{Channels, Samples};
use crate::decode::{Picture, check};
use crate::{Error, Image, Limits, Opening, Result, Size};

/// The end of a GIF, for files that lack it: Pillow does not miss it.
const TRAILER: &[u8] = b";";

/// The first frame of a GIF.
pub(crate) fn first(name: &str, bytes: &[u8], limits: &Limits) -> Result<Picture> {
    let mut drawing = Drawing::new(name, bytes, *limits)?;
    if !drawing.draw()? {
        return Err(Error::decode(name, "is a GIF without a frame"));
    }
    Ok(drawing.picture())
}

/// When the frames of a GIF are shown.
pub(super) fn times(name: &str, bytes: &[u8], limits: &Limits) -> Result<Times> {
    let mut options = DecodeOptions::new();
    options.skip_frame_decoding(true);
    let mut decoder = open(name, options, bytes, limits)?;
    let mut durations = Vec::new();
    // Data that is cut off ends here; whether its last frame is whole is seen when it is drawn.
    while let Some(frame) = decoder.next_frame_info().map_err(|error| damaged(name, error))? {
        durations.push(Duration::from_millis(10 * u64::from(frame.delay)));
    }
    if durations.is_empty() {
        return Err(Error::decode(name, "is a GIF without a frame"));
    }
    Ok(Times::of(durations))
}

/// The frames of a GIF.
pub(super) struct Animation {
    drawing: Drawing<Cursor<Vec<u8>>>,
    opening: Opening,
}

impl Animation {
    pub(super) fn open(name: &str, bytes: Vec<u8>, opening: Opening) -> Result<Self> {
        let drawing = Drawing::new(name, Cursor::new(bytes), opening.limits)?;
        Ok(Self { drawing, opening })
    }
}

impl Source for Animation {
    fn advance(&mut self, wanted: bool) -> Result<Option<Image>> {
        if !self.drawing.draw()? || !wanted {
            return Ok(None);
        }
        self.drawing.picture().finish(&self.drawing.name, &self.opening).map(Some)
    }
}

/// What is seen after some frames.
struct Drawing<R: Read> {
    name: String,
    decoder: Decoder<Chain<R, &'static [u8]>>,
    limits: Limits,
    canvas: Canvas,
    begun: bool,
    /// A frame that says nothing about it is removed as the one before it.
    disposal: DisposalMethod,
    /// What is drawn before the next frame, to remove this one.
    removal: Option<(Area, Removal)>,
}

/// How a frame is removed.
enum Removal {
    Fill(Pixel),
    Restore(Vec<Pixel>),
}

/// A frame: where it is, and what its numbers mean.
struct Part {
    area: Area,
    palette: Vec<u8>,
    transparent: Option<u8>,
    disposal: DisposalMethod,
}

impl<R: Read> Drawing<R> {
    fn new(name: &str, data: R, limits: Limits) -> Result<Self> {
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::Indexed);
        let decoder = open(name, options, data, &limits)?;
        let (height, width) = (usize::from(decoder.height()), usize::from(decoder.width()));
        check(name, (height as u64, width as u64), &limits)?;
        let (canvas, disposal) = (Canvas::new(Size { height, width }), DisposalMethod::Any);
        let name = name.to_owned();
        Ok(Self { name, decoder, limits, canvas, begun: false, disposal, removal: None })
    }

    /// Draws the next frame, if there is one.
    fn draw(&mut self) -> Result<bool> {
        let name = self.name.clone();
        let Some(part) = self.next_part()? else { return Ok(false) };
        match self.removal.take() {
            Some((area, Removal::Fill(pixel))) => self.canvas.fill(area, pixel),
            Some((area, Removal::Restore(pixels))) => self.canvas.paste(area, &pixels),
            None => {}
        }
        if part.disposal != DisposalMethod::Any {
            self.disposal = part.disposal;
        }
        self.removal = self.removal_of(&part);
        self.make_room(&part);
        let mut places = vec![0; self.decoder.buffer_size()];
        if !places.is_empty() {
            self.decoder.read_into_buffer(&mut places).map_err(|error| damaged(&name, error))?;
        }
        let first = !self.begun;
        self.begun = true;
        self.canvas.draw(part.area, &places, |&place, _| {
            let shown = part.transparent != Some(place);
            (first || shown).then(|| part.color(place, shown))
        });
        Ok(true)
    }

    fn next_part(&mut self) -> Result<Option<Part>> {
        let global = self.decoder.global_palette().unwrap_or_default().to_vec();
        let frame = self.decoder.next_frame_info().map_err(|error| damaged(&self.name, error))?;
        let Some(frame) = frame else { return Ok(None) };
        let [left, top, width, height] = [frame.left, frame.top, frame.width, frame.height].map(usize::from);
        let area = Area { top, left, size: Size { height, width } };
        let palette = frame.palette.clone().unwrap_or(global);
        let part = Part { area, palette, transparent: frame.transparent, disposal: frame.dispose };
        let (bottom, right) = ((top + height) as u64, (left + width) as u64);
        let Size { height, width } = self.canvas.size();
        check(&self.name, (bottom.max(height as u64), right.max(width as u64)), &self.limits)?;
        Ok(Some(part))
    }

    /// What removes a frame that is about to be drawn.
    fn removal_of(&self, part: &Part) -> Option<(Area, Removal)> {
        let clear = part.transparent.map(|place| part.nearest(place, false));
        let removal = match self.disposal {
            DisposalMethod::Any | DisposalMethod::Keep => return None,
            DisposalMethod::Background => {
                let background = self.decoder.bg_color().and_then(|place| u8::try_from(place).ok());
                Removal::Fill(clear.unwrap_or_else(|| part.nearest(background.unwrap_or_default(), true)))
            }
            // Before the first frame there is nothing to go back to.
            DisposalMethod::Previous if self.begun => Removal::Restore(self.canvas.copy(part.area)),
            DisposalMethod::Previous => Removal::Fill(clear?),
        };
        Some((part.area, removal))
    }

    /// A first frame that does not cover all of the image, or a later one beyond it, has a colour around it.
    fn make_room(&mut self, part: &Part) {
        let around = match (self.begun, part.transparent) {
            (false, Some(place)) => part.color(place, false),
            (true, Some(_)) => [0; 4],
            (_, None) => part.color(0, true),
        };
        if !self.begun {
            self.canvas.clear(around);
        }
        self.canvas.grow(part.area, around);
    }

    fn picture(&self) -> Picture {
        let samples = Samples {
            size: self.canvas.size(),
            channels: Channels::Rgba,
            values: self.canvas.pixels().as_flattened().to_vec(),
        };
        let profile = self.decoder.icc_profile().map(<[u8]>::to_vec);
        Picture { samples, profile, orientation: Orientation::NoTransforms }
    }
}

impl Part {
    /// The colour of a place; those that the list lacks are gray levels.
    fn color(&self, place: u8, shown: bool) -> Pixel {
        let (colors, _) = self.palette.as_chunks::<3>();
        let [red, green, blue] = colors.get(usize::from(place)).copied().unwrap_or([place; 3]);
        [red, green, blue, if shown { u8::MAX } else { 0 }]
    }

    /// The colour of a place, or of the first if the list lacks it.
    fn nearest(&self, place: u8, shown: bool) -> Pixel {
        let known = self.palette.len() >= 3 * (usize::from(place) + 1);
        self.color(if known { place } else { 0 }, shown)
    }
}

fn open<R: Read>(
    name: &str,
    mut options: DecodeOptions,
    data: R,
    limits: &Limits,
) -> Result<Decoder<Chain<R, &'static [u8]>>> {
    let most = std::num::NonZeroU64::new(limits.most_pixels()).unwrap_or(std::num::NonZeroU64::MIN);
    options.set_memory_limit(MemoryLimit::Bytes(most));
    options.read_info(data.chain(TRAILER)).map_err(|error| damaged(name, error))
}

fn damaged(name: &str, error: DecodingError) -> Error {
    match error {
        DecodingError::UnexpectedEof => Error::decode(name, "is cut off: its end is missing"),
        error => Error::decode(name, error),
    }
}
