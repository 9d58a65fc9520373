//! Speech on MLX: from a file to words, and from words to a file.

#![forbid(unsafe_code)]

mod audio;
pub mod dsp;
mod error;
mod file;
mod resample;

pub use audio::Audio;
pub use error::{Error, Result};
pub use file::{AudioReader, MonoReader, WavEncoder, WavFormat, WavWriter};
pub use resample::{Resampler, resample};

pub use {mlx_core, mlx_hub, mlx_text};
