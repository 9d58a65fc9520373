//! Whose voice it is, and who spoke when.
//!
//! [`SpeakerEncoder`] makes a vector of a voice; those of one speaker point in similar directions. [`diarize`] gives each part
//! of a conversation to a speaker. [`linkage`] is the clustering behind it.

mod cluster;
mod diarize;
mod encoder;

pub use cluster::{Merge, linkage};
pub use diarize::{Diarization, DiarizeOptions, Speakers, Turn, diarize};
pub use encoder::{SpeakerEncoder, amplified};
