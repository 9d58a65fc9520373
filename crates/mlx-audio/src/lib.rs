//! Speech on MLX: from a file to words, and from words to a file.
//!
//! ```no_run
//! fn main() -> mlx_audio::Result<()> {
//!     let transcript = mlx_audio::transcribe("openai/whisper-base", "talk.mp3")?;
//!     println!("{}", transcript.text);
//!     Ok(())
//! }
//! ```
//!
//! [`whisper`] has languages, times of words and long recordings.

#![forbid(unsafe_code)]

mod audio;
mod checkpoint;
pub mod codec;
#[cfg(feature = "audio-io")]
mod device;
pub mod dsp;
mod error;
mod file;
mod resample;
pub mod speaker;
pub mod transcript;
pub mod vad;
pub mod whisper;

pub use audio::Audio;
#[cfg(feature = "audio-io")]
pub use device::{Microphone, Player, microphones, players};
pub use error::{Error, Result};
pub use file::{AudioReader, MonoReader, WavEncoder, WavFormat, WavWriter};
pub use resample::{Resampler, resample};
pub use transcript::{Segment, Transcript, Word};

pub use {mlx_core, mlx_hub, mlx_text};

use std::path::Path;

use mlx_hub::Source;
use whisper::{TranscribeOptions, Whisper};

/// What is said in a file, by the model of a folder or a Hub id.
///
/// # Errors
/// The model or the file cannot be read.
pub fn transcribe(model: &str, path: impl AsRef<Path>) -> Result<Transcript> {
    let whisper = Whisper::load(&Source::parse(model)?, None)?;
    whisper.transcription(path.as_ref(), &TranscribeOptions::default())?.finish()
}

/// The chapter of the guide, whose code is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/speech.md")]
pub struct Guide;
