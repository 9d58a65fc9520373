//! WAV files, as they are written.

use std::path::Path;

use super::beside::Beside;
use super::sound;
use crate::{Error, Result};

/// How samples are written. WAV has all of these, FLAC the integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WavFormat {
    /// Integers of 16 bits.
    I16,
    /// Integers of 24 bits.
    I24,
    /// Floats of 32 bits, which keep every sample as it is.
    F32,
}

impl WavFormat {
    /// Bytes of a sample.
    fn bytes(self) -> u16 {
        match self {
            Self::I16 => 2,
            Self::I24 => 3,
            Self::F32 => 4,
        }
    }

    /// The number that the file has for it: integers are 1 and floats are 3.
    fn tag(self) -> u16 {
        if self == Self::F32 { 3 } else { 1 }
    }
}

/// Makes the bytes of WAV files: a header, then samples. For streams, and for files by [`WavWriter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WavEncoder {
    format: WavFormat,
    channels: u16,
    rate: u32,
}

impl WavEncoder {
    /// An encoder.
    ///
    /// # Errors
    /// There is no channel or more than 255, or the rate is 0 or more than 2^21.
    pub fn new(channels: usize, rate: u32, format: WavFormat) -> Result<Self> {
        let known = u8::try_from(channels).ok().filter(|&channels| channels > 0);
        let Some(known) = known else {
            return Err(Error::option("channels", channels, "a WAV file has 1 to 255"));
        };
        if !(1..=MOST_RATE).contains(&rate) {
            return Err(Error::option(
                "rate",
                rate,
                format!("a WAV file has 1 to {MOST_RATE} frames a second"),
            ));
        }
        Ok(Self { format, channels: u16::from(known), rate })
    }

    /// The header before so many frames. If it is not known how many there will be, it says as many as there can be, which
    /// players take to be a stream.
    pub fn header(&self, frames: Option<u64>) -> Vec<u8> {
        let frame = self.channels * self.format.bytes();
        let data = frames.map_or(u64::from(u32::MAX), |frames| frames.saturating_mul(u64::from(frame)));
        let mut header = Vec::with_capacity(HEADER);
        header.extend(b"RIFF");
        header.extend(size(data.saturating_add(HEADER as u64 - 8 + data % 2)));
        header.extend(b"WAVEfmt ");
        header.extend(16_u32.to_le_bytes());
        header.extend(self.format.tag().to_le_bytes());
        header.extend(self.channels.to_le_bytes());
        header.extend(self.rate.to_le_bytes());
        header.extend((self.rate * u32::from(frame)).to_le_bytes());
        header.extend(frame.to_le_bytes());
        header.extend((8 * self.format.bytes()).to_le_bytes());
        header.extend(b"data");
        header.extend(size(data));
        header
    }

    /// Appends the bytes of samples, those of all channels side by side. Integers are cut off at -1 and 1.
    pub fn encode(&self, samples: &[f32], bytes: &mut Vec<u8>) {
        bytes.reserve(samples.len() * usize::from(self.format.bytes()));
        for &sample in samples {
            match self.format {
                WavFormat::I16 => bytes.extend((integer(sample, 15) as i16).to_le_bytes()),
                WavFormat::I24 => bytes.extend(integer(sample, 23).to_le_bytes().into_iter().take(3)),
                WavFormat::F32 => bytes.extend(sample.to_le_bytes()),
            }
        }
    }
}

/// The bytes of a header.
const HEADER: usize = 44;
/// The most frames a second for which the bytes a second of 255 channels fit into 32 bits.
const MOST_RATE: u32 = 1 << 21;

fn size(bytes: u64) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

/// The integer of so many bits behind the sign that is closest to a sample. What is not a number is 0.
pub(super) fn integer(sample: f32, bits: u32) -> i32 {
    let full = f64::from(1_u32 << bits);
    (f64::from(sample) * full).round().clamp(-full, full - 1.0) as i32
}

/// Writes a WAV file of sound that is not over. The file appears when it is [`finish`](Self::finish)ed.
#[derive(Debug)]
pub struct WavWriter {
    encoder: WavEncoder,
    file: Beside,
    bytes: Vec<u8>,
    /// How many samples were written.
    samples: u64,
}

impl WavWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// As [`WavEncoder::new`], or there can be no file beside the path.
    pub fn create(path: impl AsRef<Path>, channels: usize, rate: u32, format: WavFormat) -> Result<Self> {
        let encoder = WavEncoder::new(channels, rate, format)?;
        let mut file = Beside::create(path.as_ref())?;
        file.write(&encoder.header(None))?;
        Ok(Self { encoder, file, bytes: Vec::new(), samples: 0 })
    }

    /// Writes samples, those of all channels side by side.
    ///
    /// # Errors
    /// The disk is full, or the file has more than 4 GiB.
    pub fn write(&mut self, samples: &[f32]) -> Result<()> {
        let all = self.samples + samples.len() as u64;
        if all.saturating_mul(u64::from(self.encoder.format.bytes())) > MOST_BYTES {
            return Err(sound(self.file.target(), "a WAV file has at most 4 GiB: write more files"));
        }
        self.bytes.clear();
        self.encoder.encode(samples, &mut self.bytes);
        self.file.write(&self.bytes)?;
        self.samples = all;
        Ok(())
    }

    /// Puts the file in place.
    ///
    /// # Errors
    /// The disk is full, the path is a folder, or the last frame is not whole.
    pub fn finish(mut self) -> Result<()> {
        let channels = u64::from(self.encoder.channels);
        if !self.samples.is_multiple_of(channels) {
            let range = format!("{} samples cannot be shared among them", self.samples);
            return Err(Error::option("channels", channels, range));
        }
        if self.samples * u64::from(self.encoder.format.bytes()) % 2 == 1 {
            self.file.write(&[0])?;
        }
        self.file.put(&self.encoder.header(Some(self.samples / channels)))
    }
}

/// The most bytes of samples.
const MOST_BYTES: u64 = u32::MAX as u64 - 64;
