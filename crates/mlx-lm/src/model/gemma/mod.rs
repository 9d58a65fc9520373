//! The Gemmas: norms that scale by 1 more than their weights, and scaled embeddings.

pub(super) mod gemma1;
pub(super) mod gemma2;
pub(super) mod gemma3;
mod sandwich;
mod scores;

use sandwich::Sandwich;
use scores::Scores;
