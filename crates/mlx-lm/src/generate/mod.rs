//! Generating text: tokens one by one, text as it becomes certain, and what it cost.

mod batch;
mod pieces;
mod plain;
mod progress;
mod resident;
mod speculative;
mod start;
mod stats;
mod stop;
mod text;
mod tokens;

pub use batch::{
    BatchGenerator, BatchOptions, BatchPrompt, Event, EventKind, SequenceId, TextBatchGenerator,
};
pub use progress::PromptProgress;
pub(crate) use progress::run as run_prompt;
pub(crate) use resident::Resident;
pub use speculative::{Drafts, Speculation};
pub(crate) use start::Start;
pub use stats::Stats;
pub use text::{FinishReason, Piece, TextStream};
pub use tokens::{Token, TokenStream};

use mlx_core::Device;

use crate::cache::CacheOptions;
use crate::sampling::Grammar;
use crate::{Processors, Sampler};

/// After this many tokens, memory that MLX keeps for reuse is given back.
const TOKENS_BETWEEN_CLEARINGS: usize = 256;

/// How many tokens of prompts are run together, unless a caller says.
pub(crate) fn prefill_step() -> usize {
    if Device::current().is_cpu() { 512 } else { 2048 }
}

/// How to generate.
///
/// ```
/// use mlx_lm::{GenerateOptions, Processors, Sampler};
///
/// let options = GenerateOptions {
///     sampler: Sampler::default().temperature(0.8).top_p(0.95).seed(7),
///     processors: Processors { repetition_penalty: 1.1.into(), ..Processors::default() },
///     logprobs: Some(5),
///     ..GenerateOptions::default()
/// };
/// ```
#[derive(Clone, Debug)]
pub struct GenerateOptions {
    /// The most tokens to generate.
    pub max_tokens: usize,
    /// How tokens are chosen.
    pub sampler: Sampler,
    /// What is done to the scores before that.
    pub processors: Processors,
    /// The form that the text must have.
    pub grammar: Option<Grammar>,
    /// Tell how likely each token was, and this many of the most likely ones; `None` computes neither.
    pub logprobs: Option<usize>,
    /// Propose several tokens at once for the model to judge; `None` computes one after the other.
    pub speculation: Option<Speculation>,
    /// Texts that end the generation and do not appear in it.
    pub stop: Vec<String>,
    /// Prompt tokens that are run together; fewer need less memory. By default 512 on a CPU, where more are no faster, and
    /// 2,048 elsewhere, as in mlx-lm.
    pub prefill_step: usize,
    /// Who is told how far the prompt is run, and may end it there. A batch tells of it by events instead.
    pub prompt_progress: Option<PromptProgress>,
    /// How much of the text is remembered, and how.
    pub cache: CacheOptions,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            max_tokens: 256,
            sampler: Sampler::greedy(),
            processors: Processors::default(),
            grammar: None,
            logprobs: None,
            speculation: None,
            stop: Vec::new(),
            prefill_step: prefill_step(),
            prompt_progress: None,
            cache: CacheOptions::default(),
        }
    }
}
