//! Language models on MLX: from a checkpoint to text.
//!
//! Start with [`load`], which takes a folder, a GGUF file or a Hub id and gives a [`LanguageModel`]:
//!
//! ```no_run
//! use mlx_lm::{GenerateOptions, mlx_text::Message};
//!
//! fn main() -> mlx_lm::Result<()> {
//!     let model = mlx_lm::load("HuggingFaceTB/SmolLM2-135M-Instruct")?;
//!     let prompt = model.chat(&[Message::user("What is the capital of France?")])?;
//!     for piece in model.generate(&prompt, GenerateOptions::default())? {
//!         print!("{}", piece?.text);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! A conversation over many turns is a [`ChatSession`]. Below that are the [`Model`] on tokens, its [`cache`], [`sampling`] and the [`Decoder`] trait that
//! each architecture in [`model`] implements.

#![forbid(unsafe_code)]

mod budget;
pub mod cache;
pub mod chat;
mod config;
pub mod convert;
mod error;
mod fingerprint;
mod generate;
mod language_model;
mod loader;
pub mod model;
mod perplexity;
mod quantized;
pub mod sampling;
pub mod structured;
mod tensors;

pub use budget::BudgetOptions;
pub use chat::{ChatEvent, ChatSession, ChatStats, ChatStream};
pub use config::Config;
pub use convert::Convert;
pub use error::{Error, Result};
pub use generate::{
    BatchGenerator, BatchOptions, BatchPrompt, Drafts, Event, EventKind, FinishReason, GenerateOptions,
    Piece, PromptProgress, SequenceId, Speculation, Stats, TextBatchGenerator, TextStream, Token,
    TokenStream,
};
pub use language_model::{LanguageModel, load};
pub use loader::{Loader, Surroundings};
pub use model::{Decoder, Model};
pub use perplexity::{Perplexity, PerplexityOptions};
pub use sampling::{Logprobs, Penalty, Processors, Sampler};

pub use {mlx_core, mlx_hub, mlx_memory, mlx_text};
