//! Connectionist temporal classification: from scores of each frame to tokens with their frames.
//!
//! Graves et al., "Connectionist Temporal Classification": a token may be held for some frames, and a blank stands where
//! there is none, so what repeats without a blank between is one token.

mod greedy;

pub use greedy::{Emission, greedy};
