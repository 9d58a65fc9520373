//! Generating text: tokens one by one, text as it becomes certain, and what it cost.

mod resident;
mod stats;
mod stop;
mod text;
mod tokens;

pub use stats::Stats;
pub use text::{FinishReason, Piece, TextStream};
pub use tokens::TokenStream;

use crate::Sampler;
use crate::cache::CacheOptions;

/// How to generate.
#[derive(Clone, Debug)]
pub struct GenerateOptions {
    /// The most tokens to generate.
    pub max_tokens: usize,
    /// How tokens are chosen.
    pub sampler: Sampler,
    /// Texts that end the generation and do not appear in it.
    pub stop: Vec<String>,
    /// Prompt tokens that are run together; fewer need less memory.
    pub prefill_step: usize,
    /// How much of the text is remembered, and how.
    pub cache: CacheOptions,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            max_tokens: 256,
            sampler: Sampler::greedy(),
            stop: Vec::new(),
            prefill_step: 2048,
            cache: CacheOptions::default(),
        }
    }
}
