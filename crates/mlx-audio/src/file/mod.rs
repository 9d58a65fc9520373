//! Sound from files and to files.
//!
//! [`Audio::open`] reads all of a file and [`Audio::open_at`] what a model hears; [`AudioReader`] reads piece by piece.
//! [`Audio::save`] writes WAV or FLAC, and [`SoundWriter`] writes sound that is not over.

mod beside;
mod edits;
mod flac;
mod mono;
mod opus;
mod reader;
mod sound_writer;
mod source;
mod wav;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

pub use flac::FlacWriter;
pub use mono::MonoReader;
pub use reader::AudioReader;
pub use sound_writer::SoundWriter;
pub use wav::{WavEncoder, WavFormat, WavWriter};

use crate::{Audio, Error, Result};

impl Audio {
    /// The most samples that are read into memory at once: 8 GiB of them.
    pub const MOST_SAMPLES: usize = 1 << 31;

    /// The sound of a file as it is: WAV, AIFF, CAF, FLAC, MP3, Ogg (Vorbis, Opus, FLAC), AAC, MP4 (AAC, ALAC, Opus) or
    /// Matroska. A file that was cut off ends where it was cut; samples that are not numbers become silence.
    ///
    /// # Errors
    /// The file cannot be read, is of no known format, holds no sound, or more than [`MOST_SAMPLES`](Self::MOST_SAMPLES).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        AudioReader::open(path)?.read(usize::MAX)
    }

    /// The sound of the bytes of a file, as [`open`](Self::open) reads it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        AudioReader::from_bytes(bytes)?.read(usize::MAX)
    }

    /// The mean of all channels of a file's sound at this rate. Only the result is in memory, not the file.
    ///
    /// # Errors
    /// As [`open`](Self::open), or the rate is out of [`Resampler`](crate::Resampler)'s reach.
    pub fn open_at(path: impl AsRef<Path>, rate: u32) -> Result<Self> {
        let mut reader = AudioReader::open(path)?.mono(rate)?;
        let mut samples = Vec::new();
        while let Some(block) = reader.next_block()? {
            samples.extend_from_slice(block);
            check_length(reader.path(), samples.len())?;
        }
        Self::new(samples, 1, rate)
    }
}

/// An error about what a file holds.
fn sound(path: &Path, problem: impl Into<String>) -> Error {
    Error::Sound { path: path.to_owned(), problem: problem.into() }
}

/// An error of the system about a file.
fn failed(path: &Path, source: std::io::Error) -> Error {
    Error::File { path: path.to_owned(), source }
}

/// What decoders give; a panic in one, which a damaged file can bring about, is an error.
fn guarded<T>(path: &Path, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    let unforeseen = |_| Err(sound(path, "is damaged in a way that its decoder does not expect"));
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(unforeseen)
}

fn check_length(path: &Path, samples: usize) -> Result<()> {
    match samples > Audio::MOST_SAMPLES {
        true => {
            Err(sound(path, "holds more sound than fits into memory: read it in pieces with `AudioReader`"))
        }
        false => Ok(()),
    }
}

/// What errors call bytes that are in no file.
fn in_memory() -> PathBuf {
    PathBuf::from("the sound in memory")
}
