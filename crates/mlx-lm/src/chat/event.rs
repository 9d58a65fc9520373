//! What happens while a model answers.

use std::fmt;

use mlx_text::{RejectedCall, ToolCall};

use crate::{FinishReason, Stats};

/// What happened in an answer.
#[derive(Clone, Debug)]
pub enum ChatEvent {
    /// More text for the user.
    Text(String),
    /// More of what the model thinks.
    Reasoning(String),
    /// The model calls a function. It waits for the result once the answer is finished.
    ToolCall(ToolCall),
    /// What should have been a call of a function. The message of the answer holds its text.
    Rejected(RejectedCall),
    /// The answer is finished. This comes last.
    Finished(Finished),
}

/// How an answer ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Why.
    pub reason: FinishReason,
    /// How many functions were called, whose results are to be sent.
    pub tool_calls: usize,
    /// What it cost.
    pub stats: ChatStats,
}

/// What an answer cost.
#[derive(Clone, Debug, Default)]
pub struct ChatStats {
    /// Speed and memory; of the prompt, only the tokens that were run count.
    pub generation: Stats,
    /// Tokens of the prompt that were remembered from earlier turns.
    pub cached_tokens: usize,
    /// Tokens of the prompt that were run, which with those is the whole conversation.
    pub prefilled_tokens: usize,
    /// New tokens that were reasoning.
    pub reasoning_tokens: usize,
}

impl fmt::Display for ChatStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "cached: {} tokens, run: {} tokens", self.cached_tokens, self.prefilled_tokens)?;
        write!(f, "{}", self.generation)
    }
}
