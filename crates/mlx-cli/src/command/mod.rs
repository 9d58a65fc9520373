//! One file a command.

pub(crate) mod bench;
pub(crate) mod cache_prompt;
pub(crate) mod chat;
pub(crate) mod codec;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod doctor;
pub(crate) mod embed;
pub(crate) mod encode;
pub(crate) mod generate;
pub(crate) mod info;
pub(crate) mod logits;
pub(crate) mod man;
pub(crate) mod memory;
pub(crate) mod perplexity;
pub(crate) mod rerank;
pub(crate) mod serve;
pub(crate) mod speak;
pub(crate) mod transcribe;
pub(crate) mod vad;
