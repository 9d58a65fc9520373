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
//! [`Recognizer`] loads any model of speech; [`whisper`] has languages, times of words and long recordings. [`kokoro`]
//! speaks, as [`speak`] does in one call.

#![forbid(unsafe_code)]

mod audio;
mod checkpoint;
pub mod codec;
mod convolution;
pub mod ctc;
#[cfg(feature = "audio-io")]
mod device;
pub mod dsp;
mod error;
mod file;
mod greedy;
pub mod kokoro;
pub mod moonshine;
mod onnx;
pub mod parakeet;
pub mod phonemes;
pub mod qwen3_asr;
pub mod recognizer;
mod resample;
pub mod score;
pub mod sensevoice;
pub mod speaker;
mod torch;
pub mod transcript;
pub mod vad;
pub mod wav2vec2;
pub mod whisper;

pub use audio::Audio;
#[cfg(feature = "audio-io")]
pub use device::{Microphone, Player, microphones, players};
pub use error::{Error, Result};
pub use file::{AudioReader, FlacWriter, MonoReader, SoundWriter, WavEncoder, WavFormat, WavWriter};
pub use recognizer::{RecognizeOptions, Recognizer};
pub use resample::{Resampler, resample};
pub use transcript::{Segment, Transcript, Word};

pub use {mlx_core, mlx_hub, mlx_text};

use std::path::Path;

use kokoro::{Kokoro, SpeakOptions};
use mlx_hub::Source;

/// What is said in a file, by the model of a folder or a Hub id, any that [`Recognizer`] loads.
///
/// # Errors
/// The model or the file cannot be read.
pub fn transcribe(model: &str, path: impl AsRef<Path>) -> Result<Transcript> {
    let recognizer = Recognizer::load(&Source::parse(model)?, None)?;
    recognizer.transcription(path.as_ref(), &RecognizeOptions::default())?.finish()
}

/// Speaks a text in a voice, by the model of a folder or a Hub id.
///
/// # Errors
/// The model cannot be read, or the voice is not there.
pub fn speak(model: &str, text: &str, voice: &str) -> Result<Audio> {
    Kokoro::load(&Source::parse(model)?)?.speak(text, voice, &SpeakOptions::default())
}

/// The chapter of the guide, whose code is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/speech.md")]
pub struct Guide;
