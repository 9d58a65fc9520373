//! FLAC files, as they are written: RFC 9639.

mod bits;
mod frame;
mod rice;
mod subframe;

use std::path::Path;

use md5::{Digest, Md5};

use self::bits::Bits;
use self::frame::{BLOCK, Frames};
use super::beside::Beside;
use super::wav::integer;
use super::{WavFormat, sound};
use crate::{Error, Result};

/// Writes a FLAC file of sound that is not over, without loss beyond that of integers. The file appears when it is
/// [`finish`](Self::finish)ed.
#[derive(Debug)]
pub struct FlacWriter {
    file: Beside,
    frames: Frames,
    /// Samples of the frame that is not full.
    waiting: Vec<i32>,
    /// How many frames were written, and how many bytes the shortest and the longest took.
    written: u32,
    shortest: usize,
    longest: usize,
    /// How many samples each channel has.
    length: u64,
    digest: Md5,
}

/// The most samples of each channel for which the file has room to say so.
const MOST_LENGTH: u64 = (1 << 36) - 1;
/// Older readers take no more, for which a frame had no room before RFC 9639.
const MOST_RATE: u32 = 655_350;
const MOST_CHANNELS: usize = 8;
/// The bytes before the first frame.
const HEADER: usize = 42;

impl FlacWriter {
    /// Begins a file of integers of 16 or 24 bits.
    ///
    /// # Errors
    /// There is no channel or more than 8, the rate is 0 or more than 655350, the format is of floats, or there can be no
    /// file beside the path.
    pub fn create(path: impl AsRef<Path>, channels: usize, rate: u32, format: WavFormat) -> Result<Self> {
        let width = match format {
            WavFormat::I16 => 16,
            WavFormat::I24 => 24,
            WavFormat::F32 => {
                let range = "a FLAC file has integers of 16 or 24 bits: write floats to a WAV file";
                return Err(Error::option("format", "floats of 32 bits", range));
            }
        };
        if !(1..=MOST_CHANNELS).contains(&channels) {
            return Err(Error::option("channels", channels, "a FLAC file has 1 to 8"));
        }
        if !(1..=MOST_RATE).contains(&rate) {
            let range = format!("a FLAC file has 1 to {MOST_RATE} frames a second");
            return Err(Error::option("rate", rate, range));
        }
        let mut file = Beside::create(path.as_ref())?;
        file.write(&[0; HEADER])?;
        Ok(Self {
            file,
            frames: Frames { channels, rate, width },
            waiting: Vec::new(),
            written: 0,
            shortest: usize::MAX,
            longest: 0,
            length: 0,
            digest: Md5::new(),
        })
    }

    /// Writes samples, those of all channels side by side. They are cut off at -1 and 1.
    ///
    /// # Errors
    /// The disk is full, or there are more samples than a file has.
    pub fn write(&mut self, samples: &[f32]) -> Result<()> {
        let full = BLOCK * self.frames.channels;
        let mut left = samples;
        while !left.is_empty() {
            let (part, rest) = left.split_at(left.len().min(full - self.waiting.len()));
            let bits = self.frames.width - 1;
            self.waiting.extend(part.iter().map(|&sample| integer(sample, bits)));
            left = rest;
            if self.waiting.len() == full {
                self.end_frame()?;
            }
        }
        Ok(())
    }

    /// Puts the file in place.
    ///
    /// # Errors
    /// The disk is full, the path is a folder, or the last frame is not whole.
    pub fn finish(mut self) -> Result<()> {
        let channels = self.frames.channels;
        if !self.waiting.len().is_multiple_of(channels) {
            let all = self.length * channels as u64 + self.waiting.len() as u64;
            return Err(Error::option(
                "channels",
                channels,
                format!("{all} samples cannot be shared among them"),
            ));
        }
        if !self.waiting.is_empty() {
            self.end_frame()?;
        }
        let header = self.header();
        self.file.put(&header)
    }

    /// Writes the samples that wait as a frame.
    fn end_frame(&mut self) -> Result<()> {
        self.length += (self.waiting.len() / self.frames.channels) as u64;
        if self.length > MOST_LENGTH {
            return Err(sound(self.file.target(), "a FLAC file has at most 2^36 samples: write more files"));
        }
        let bytes = self.frames.width as usize / 8;
        let little: Vec<u8> =
            self.waiting.iter().flat_map(|sample| sample.to_le_bytes().into_iter().take(bytes)).collect();
        self.digest.update(&little);
        let frame = self.frames.encode(self.written, &self.waiting);
        self.waiting.clear();
        self.written += 1;
        self.shortest = self.shortest.min(frame.bytes().len());
        self.longest = self.longest.max(frame.bytes().len());
        self.file.write(frame.bytes())
    }

    /// What stands before the frames: the one block of metadata that there has to be.
    fn header(&self) -> Vec<u8> {
        let Frames { channels, rate, width } = self.frames;
        let mut bits = Bits::default();
        b"fLaC\x80\0\0\x22".iter().for_each(|&byte| bits.put(u64::from(byte), 8));
        bits.put(BLOCK as u64, 16);
        bits.put(BLOCK as u64, 16);
        bits.put(if self.written == 0 { 0 } else { self.shortest as u64 }, 24);
        bits.put(self.longest as u64, 24);
        bits.put(u64::from(rate), 20);
        bits.put(channels as u64 - 1, 3);
        bits.put(u64::from(width) - 1, 5);
        bits.put(self.length, 36);
        let digest = self.digest.clone().finalize();
        digest.iter().for_each(|&byte| bits.put(u64::from(byte), 8));
        bits.bytes().to_vec()
    }
}
