//! Videos: H.264 in MP4, decoded by OpenH264.

mod boxes;
mod track;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use ::image::metadata::Orientation;
use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder, DecoderConfig, Flush};
use openh264::formats::YUVSource;

use self::track::{Sample, Track};
use super::{Source, Times};
use crate::decode::samples::{Channels, Samples};
use crate::decode::{Picture, check};
use crate::{Error, Image, Opening, Result, Size};

/// The most bytes of the part of a file that says where its frames are.
const MOST_TABLES: u64 = 1 << 26;

/// The frames of a video.
pub(super) struct Video {
    name: String,
    file: File,
    opening: Opening,
    track: Track,
    /// How many of the track's samples are decoded.
    decoded: usize,
    decoder: Decoder,
    /// Frames that the decoder held back until the end, none but those that are wanted at once.
    rest: Option<VecDeque<Samples>>,
}

/// The frames of a video file, and when they are shown.
///
/// # Errors
/// The file cannot be read, or has no track of H.264.
pub(super) fn open(path: &Path, opening: Opening) -> Result<(Video, Times)> {
    let name = path.display().to_string();
    let failed = |source: io::Error| Error::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let tables = tables(&mut file, length).map_err(failed)?;
    let tables = tables.ok_or_else(|| {
        Error::decode(&name, "is a video without tables of its frames at a place that is known")
    })?;
    let track = Track::find(&tables, length).map_err(|problem| Error::decode(&name, problem))?;
    check(&name, (track.size.height as u64, track.size.width as u64), &opening.limits)?;
    let times = track.times();
    let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
    let decoder = Decoder::with_api_config(OpenH264API::from_source(), config);
    let mut decoder = decoder.map_err(|error| Error::decode(&name, error))?;
    decoder.decode(&track.parameters).map_err(|error| Error::decode(&name, error))?;
    Ok((Video { name, file, opening, track, decoded: 0, decoder, rest: None }, times))
}

/// What the box `moov` holds.
fn tables(file: &mut File, length: u64) -> io::Result<Option<Vec<u8>>> {
    let mut at = 0;
    while at + 8 <= length {
        let mut header = [0; 16];
        file.seek(SeekFrom::Start(at))?;
        let found = (length - at).min(16) as usize;
        file.read_exact(header.get_mut(..found).unwrap_or_default())?;
        let Some((name, start, size)) = boxes::header(&header, length - at) else { return Ok(None) };
        if name == *b"moov" {
            if size - start > MOST_TABLES {
                return Ok(None);
            }
            let mut tables = vec![0; (size - start) as usize];
            file.seek(SeekFrom::Start(at + start))?;
            file.read_exact(&mut tables)?;
            return Ok(Some(tables));
        }
        at += size;
    }
    Ok(None)
}

impl Video {
    /// The bytes of a sample as the decoder takes them: each unit behind a start code instead of its length.
    fn units(&mut self, sample: Sample) -> io::Result<Vec<u8>> {
        let mut data = vec![0; sample.size as usize];
        self.file.seek(SeekFrom::Start(sample.offset))?;
        self.file.read_exact(&mut data)?;
        let mut units = Vec::with_capacity(data.len() + 16);
        let mut rest = data.as_slice();
        while let Some((length, after)) = rest.split_at_checked(self.track.length_bytes) {
            let length = length.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
            let Some((unit, after)) = after.split_at_checked(length) else { break };
            units.extend_from_slice(&[0, 0, 0, 1]);
            units.extend_from_slice(unit);
            rest = after;
        }
        Ok(units)
    }

    /// The next frame, if there is one, as RGB if it is wanted.
    fn next_frame(&mut self, wanted: bool) -> Result<Option<Samples>> {
        while let Some(&sample) = self.track.samples.get(self.decoded) {
            self.decoded += 1;
            let units = self.units(sample).map_err(|error| Error::decode(&self.name, error))?;
            let frame = self.decoder.decode(&units).map_err(|error| Error::decode(&self.name, error))?;
            if let Some(frame) = frame {
                return rgb(&self.name, &frame, wanted, &self.opening).map(Some);
            }
        }
        if self.rest.is_none() {
            let frames = self.decoder.flush_remaining().map_err(|error| Error::decode(&self.name, error))?;
            let frames = frames.iter().map(|frame| rgb(&self.name, frame, true, &self.opening));
            self.rest = Some(frames.collect::<Result<_>>()?);
        }
        Ok(self.rest.as_mut().and_then(VecDeque::pop_front))
    }
}

/// The pixels of a frame, of BT.601 in the range of television; none if they are not wanted.
fn rgb(name: &str, frame: &DecodedYUV<'_>, wanted: bool, opening: &Opening) -> Result<Samples> {
    let (width, height) = frame.dimensions();
    check(name, (height as u64, width as u64), &opening.limits)?;
    let mut values = vec![0; if wanted { 3 * width * height } else { 0 }];
    if wanted {
        frame.write_rgb8(&mut values);
    }
    Ok(Samples { size: Size { height, width }, channels: Channels::Rgb, values })
}

impl Source for Video {
    fn advance(&mut self, wanted: bool) -> Result<Option<Image>> {
        let samples = self.next_frame(wanted)?.filter(|_| wanted);
        let orientation: Orientation = self.track.orientation;
        let picture = samples.map(|samples| Picture { samples, profile: None, orientation });
        picture.map(|picture| picture.finish(&self.name, &self.opening)).transpose()
    }
}
