//! Sound from a file, piece by piece.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use symphonia::core::errors::Error as Problem;

use super::source::Source;
use super::{MonoReader, check_length, failed, guarded, in_memory, sound};
use crate::{Audio, Result};

/// Reads the sound of a file in bounded memory, however long it is.
pub struct AudioReader {
    path: PathBuf,
    source: Source,
    channels: usize,
    rate: u32,
    /// The samples of the last packet, those of all channels side by side.
    block: Vec<f32>,
    /// How many samples of the block were given.
    given: usize,
    /// How many frames are decoded but not heard before the next.
    skip: u64,
    /// How many frames are heard from the next on.
    left: u64,
    /// How many packets there may be: one takes at least a byte of the file.
    packets: u64,
    /// What was wrong with the last packet that could not be decoded.
    damage: Option<String>,
}

impl AudioReader {
    /// Opens a file and decodes the beginning of its sound.
    ///
    /// # Errors
    /// The file cannot be read, is of no known format, or holds no sound.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::new(path.to_owned(), Source::open(path)?)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        Self::new(in_memory(), Source::of_bytes(bytes.into())?)
    }

    fn new(path: PathBuf, source: Source) -> Result<Self> {
        let params = source.decoder.codec_params();
        let channels = params.channels.as_ref().map_or(0, |channels| channels.count());
        let rate = params.sample_rate.unwrap_or(0);
        let packets = source.length;
        let mut reader = Self {
            path,
            source,
            channels: 0,
            rate: 0,
            block: Vec::new(),
            given: 0,
            skip: 0,
            left: u64::MAX,
            packets,
            damage: None,
        };
        if !reader.decode()? {
            if let Some(damage) = reader.damage.take() {
                return Err(sound(&reader.path, format!("none of its sound can be decoded: {damage}")));
            }
            (reader.channels, reader.rate) = (channels, rate);
        }
        // The same errors as for any sound.
        Audio::new(Vec::new(), reader.channels, reader.rate)
            .map_err(|error| sound(&reader.path, format!("does not say what its sound is: {error}")))?;
        Ok(reader)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Frames a second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// How many frames the file says that it has. There can be more or less.
    pub fn frames(&self) -> Option<u64> {
        let heard = self.source.edit.and_then(|edit| edit.frames(self.rate));
        heard.or(self.source.frames)
    }

    /// The next samples, those of all channels side by side, as many as the file holds together; none at the end.
    ///
    /// # Errors
    /// The file cannot be read on, or its rate or channels change.
    pub fn next_block(&mut self) -> Result<Option<&[f32]>> {
        if self.given >= self.block.len() && !self.decode()? {
            return Ok(None);
        }
        let given = std::mem::replace(&mut self.given, self.block.len());
        Ok(self.block.get(given..))
    }

    /// The next sound of up to so many frames; less only at the end, where it is empty.
    ///
    /// # Errors
    /// As [`next_block`](Self::next_block), or there are more samples than [`Audio::MOST_SAMPLES`].
    pub fn read(&mut self, frames: usize) -> Result<Audio> {
        let wanted = frames.saturating_mul(self.channels);
        let mut samples = Vec::new();
        while samples.len() < wanted {
            if self.given >= self.block.len() && !self.decode()? {
                break;
            }
            let rest = self.block.get(self.given..).unwrap_or_default();
            let part = rest.get(..wanted - samples.len()).unwrap_or(rest);
            samples.extend_from_slice(part);
            self.given += part.len();
            check_length(&self.path, samples.len())?;
        }
        Audio::new(samples, self.channels, self.rate)
    }

    /// The mean of all channels at another rate.
    ///
    /// # Errors
    /// The rate is out of [`Resampler`](crate::Resampler)'s reach.
    pub fn mono(self, rate: u32) -> Result<MonoReader> {
        MonoReader::new(self, rate)
    }

    /// Decodes the next packet that has samples. What cannot be decoded is left out. False at the end.
    fn decode(&mut self) -> Result<bool> {
        let path = self.path.clone();
        let decoded = guarded(&path, || self.decode_unguarded());
        if decoded.is_err() {
            // What is behind an error is not known.
            self.block.clear();
            (self.given, self.packets) = (0, 0);
        }
        decoded
    }

    fn decode_unguarded(&mut self) -> Result<bool> {
        self.block.clear();
        self.given = 0;
        while self.packets > 0 && self.left > 0 {
            self.packets -= 1;
            let packet = match self.source.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(false),
                Err(Problem::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
                Err(Problem::IoError(error)) => return Err(failed(&self.path, error)),
                Err(problem) => return Err(sound(&self.path, format!("cannot be read on: {problem}"))),
            };
            if packet.track_id != self.source.track {
                continue;
            }
            match self.source.decoder.decode(&packet) {
                Ok(buffer) => {
                    let (channels, rate) = (buffer.spec().channels().count(), buffer.spec().rate());
                    buffer.copy_to_vec_interleaved(&mut self.block);
                    self.accept(channels, rate)?;
                }
                Err(problem) => self.damage = Some(problem.to_string()),
            }
            if !self.block.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes what is heard of the samples of a packet.
    fn accept(&mut self, channels: usize, rate: u32) -> Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        if self.channels == 0 {
            (self.channels, self.rate) = (channels, rate);
            if let Some(edit) = self.source.edit {
                self.skip = edit.skip(rate);
                self.left = edit.frames(rate).unwrap_or(u64::MAX);
            }
        }
        if (channels, rate) != (self.channels, self.rate) {
            let problem = format!(
                "changes from {} channels at {} Hz to {channels} at {rate} Hz, which is not supported",
                self.channels, self.rate
            );
            return Err(sound(&self.path, problem));
        }
        let frames = (self.block.len() / channels.max(1)) as u64;
        let skipped = self.skip.min(frames);
        let heard = self.left.min(frames - skipped);
        (self.skip, self.left) = (self.skip - skipped, self.left - heard);
        self.block.truncate((skipped + heard) as usize * channels);
        self.block.drain(..skipped as usize * channels);
        let unheard = self.block.iter_mut().filter(|sample| !sample.is_finite());
        unheard.for_each(|sample| *sample = 0.0);
        Ok(())
    }
}

impl fmt::Debug for AudioReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, channels, rate, .. } = self;
        let mut fields = formatter.debug_struct("AudioReader");
        fields.field("path", path).field("channels", channels).field("rate", rate).finish_non_exhaustive()
    }
}
