//! Speech on MLX: from a file to words, and from words to a file.

#![forbid(unsafe_code)]

mod audio;
mod error;
pub mod vad;

pub use audio::Audio;
pub use error::{Error, Result};

pub use {mlx_core, mlx_hub, mlx_text};
