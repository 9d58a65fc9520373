//! One parser a format: from what is between its markers to calls.

pub(super) mod deepseek;
pub(super) mod gemma;
pub(super) mod glm47;
pub(super) mod harmony;
pub(super) mod json_tools;
pub(super) mod kimi_k2;
pub(super) mod kimi_k3;
pub(super) mod llama3;
pub(super) mod longcat;
pub(super) mod minicpm5;
pub(super) mod minimax_m2;
pub(super) mod mistral;
pub(super) mod muse_spark;
pub(super) mod pythonic;
pub(super) mod qwen3_coder;
mod typed;

use super::{ToolCall, Tools};

/// A call, or why something is none.
pub(super) type Found = Result<ToolCall, String>;

/// Finds the calls of a text.
pub(super) type Parser = fn(&str, &Tools) -> Vec<Found>;
