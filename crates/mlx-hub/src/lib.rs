//! Find a model checkpoint and read what is in it, without any array library.
//!
//! Start with [`Source::parse`], which takes what a user types for a model, and
//! [`Source::resolve`], which gives a [`Checkpoint`]: a [`Directory`] in the Hugging Face
//! layout, or a GGUF file presented in that layout ([`gguf::Gguf`]).

#![forbid(unsafe_code)]

mod checkpoint;
mod directory;
mod error;
pub mod gguf;
mod hub;
mod json;
mod shard;
mod source;

pub use checkpoint::Checkpoint;
pub use directory::Directory;
pub use error::{Error, Result};
pub use hub::{Cache, CachedModel, Progress};
pub use source::Source;
