//! Text in and out of a language model: [`Tokenizer`], streaming [`Detokenizer`] and [`ChatTemplate`].
//!
//! A tokenizer comes from a checkpoint folder ([`Tokenizer::from_dir`]) or from the vocabulary inside a
//! GGUF file ([`Tokenizer::from_gguf`]). It brings its chat template with it. What a chat model writes,
//! [`ResponseParser`] takes apart into text, reasoning and calls of functions. Nothing here knows MLX.
#![forbid(unsafe_code)]

mod byte_level;
mod chat_template;
mod detokenizer;
mod error;
mod files;
mod gguf;
mod message;
mod pieces;
mod pre_tokenizer;
mod python;
mod response;
mod sentence_piece;
mod special_tokens;
mod tokenizer;
mod tool;

pub use chat_template::{ChatOptions, ChatTemplate};
pub use detokenizer::Detokenizer;
pub use error::{Error, Result};
pub use gguf::GgufVocab;
pub use message::Message;
pub use response::{Reasoning, ResponseEvent, ResponseFormat, ResponseParser};
pub use tokenizer::{Pair, Tokenizer};
pub use tool::{ParsedCalls, RejectedCall, ToolCall, ToolFormat, Tools};
