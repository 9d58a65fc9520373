//! One door to all formats of sound that are written.

use std::path::Path;

use super::flac::FlacWriter;
use super::sound;
use super::wav::{WavFormat, WavWriter};
use crate::{Audio, Result};

/// Writes a file of sound that is not over, in the format that its extension says: `.wav` or `.flac`. The file appears when
/// it is [`finish`](Self::finish)ed.
#[derive(Debug)]
pub struct SoundWriter(Kind);

#[derive(Debug)]
enum Kind {
    Wav(WavWriter),
    Flac(Box<FlacWriter>),
}

/// A format by its extension.
#[derive(Clone, Copy)]
enum Known {
    Wav,
    Flac,
}

impl Known {
    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "wav" | "wave" => Some(Self::Wav),
            "flac" => Some(Self::Flac),
            _ => None,
        }
    }
}

impl SoundWriter {
    /// Whether a file of this name can be written.
    pub fn knows(path: impl AsRef<Path>) -> bool {
        Known::of(path.as_ref()).is_some()
    }

    /// Begins a file.
    ///
    /// # Errors
    /// The extension is of no format that is written, or those of [`WavWriter::create`] and [`FlacWriter::create`].
    pub fn create(path: impl AsRef<Path>, channels: usize, rate: u32, format: WavFormat) -> Result<Self> {
        let path = path.as_ref();
        Ok(Self(match Known::of(path) {
            Some(Known::Wav) => Kind::Wav(WavWriter::create(path, channels, rate, format)?),
            Some(Known::Flac) => Kind::Flac(Box::new(FlacWriter::create(path, channels, rate, format)?)),
            None => {
                return Err(sound(path, "is no name for sound that is written: end it with .wav or .flac"));
            }
        }))
    }

    /// Writes samples, those of all channels side by side.
    ///
    /// # Errors
    /// The disk is full, or the file would be longer than its format allows.
    pub fn write(&mut self, samples: &[f32]) -> Result<()> {
        match &mut self.0 {
            Kind::Wav(writer) => writer.write(samples),
            Kind::Flac(writer) => writer.write(samples),
        }
    }

    /// Puts the file in place.
    ///
    /// # Errors
    /// The disk is full, the path is a folder, or the last frame is not whole.
    pub fn finish(self) -> Result<()> {
        match self.0 {
            Kind::Wav(writer) => writer.finish(),
            Kind::Flac(writer) => writer.finish(),
        }
    }
}

impl Audio {
    /// Writes a file in the format that its extension says: `.wav` or `.flac`.
    ///
    /// # Errors
    /// As [`SoundWriter`].
    pub fn save(&self, path: impl AsRef<Path>, format: WavFormat) -> Result<()> {
        let mut writer = SoundWriter::create(path, self.channels(), self.rate(), format)?;
        self.samples().chunks(1 << 16).try_for_each(|part| writer.write(part))?;
        writer.finish()
    }
}
