//! Speech on MLX: from a file to words, and from words to a file.

#![forbid(unsafe_code)]

mod audio;
pub mod codec;
mod error;

pub use audio::Audio;
pub use error::{Error, Result};

pub use {mlx_core, mlx_hub, mlx_text};
