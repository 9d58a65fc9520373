//! Vision-language models on MLX: images and video in, text out.
//!
//! [`load`] takes a folder or a Hub id and gives a [`VisionLanguageModel`]:
//!
//! ```no_run
//! use mlx_vlm::{Turn, mlx_image::Image, mlx_lm::GenerateOptions};
//!
//! fn main() -> mlx_vlm::Result<()> {
//!     let model = mlx_vlm::load("Qwen/Qwen2-VL-2B-Instruct")?;
//!     let prompt = model.chat(&[Turn::user("What is this?").with(Image::open("cat.jpg")?)])?;
//!     for piece in model.generate(&prompt, GenerateOptions::default())? {
//!         print!("{}", piece?.text);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! The decoder is one of `mlx-lm`, whose sampling, caches, grammars and batches work as they do for text: a
//! [`Prompt`] is run once, and [`VisionLanguageModel::prefill`] gives the cache behind its images. What a tower made
//! of an image is kept in [`Features`], so that a further question about it runs no tower.

#![forbid(unsafe_code)]

mod chat;
mod error;
mod family;
mod features;
mod find;
pub mod florence2;
pub mod grounding;
mod hidden;
mod media;
mod model;
mod passage;
mod prompt;
mod sight;
mod turn;

pub use chat::VisionChat;
pub use error::{Error, Result};
pub use family::KNOWN;
pub use features::Features;
pub use media::{Media, Video};
pub use model::{VisionLanguageModel, load};
pub use prompt::Prompt;
pub use sight::Sight;
pub use turn::Turn;

pub use {mlx_core, mlx_hub, mlx_image, mlx_lm, mlx_text};

/// The chapter of the guide, whose code is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/vision.md")]
pub struct Guide;
