//! The Gemmas: scaled embeddings, and norms on both sides of attention and gated layers.
//!
//! The norms of 1 to 3 scale by 1 more than their weights. 3n and 4 are a [`Stack`](stack::Stack).

mod altup;
pub(super) mod gemma1;
pub(super) mod gemma2;
pub(super) mod gemma3;
pub(super) mod gemma3n;
pub(super) mod gemma4;
mod layer_input;
mod mixture;
mod sandwich;
mod scores;
mod shared_attention;
mod stack;

use sandwich::Sandwich;
use scores::Scores;
