//! Speech on MLX: from a file to words, and from words to a file.

#![forbid(unsafe_code)]

mod audio;
pub mod dsp;
mod error;
mod resample;
pub mod speaker;
pub mod vad;

pub use audio::Audio;
pub use error::{Error, Result};
pub use resample::{Resampler, resample};

pub use {mlx_core, mlx_hub, mlx_text};
