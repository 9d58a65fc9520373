//! What can go wrong between a checkpoint and its text.

use std::path::PathBuf;

/// The result of loading or running a model.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a model could not be loaded or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An op failed.
    #[error(transparent)]
    Mlx(#[from] mlx_core::Error),
    /// The weights do not fit the config.
    #[error(transparent)]
    Weights(#[from] mlx_nn::Error),
    /// The checkpoint was not found or is damaged.
    #[error(transparent)]
    Hub(#[from] mlx_hub::Error),
    /// Memory is not enough, or could not be measured, limited or kept.
    #[error(transparent)]
    Memory(#[from] mlx_memory::Error),
    /// The tokenizer or the chat template failed.
    #[error(transparent)]
    Text(#[from] mlx_text::Error),
    /// The config lacks a field, or a field has a value that cannot be.
    #[error("config.json: {0}")]
    Config(String),
    /// The config names an architecture that is not implemented.
    #[error("model type `{found}` is not supported (known: {})", known.join(", "))]
    UnknownModel {
        /// The config's `model_type`.
        found: String,
        /// What is supported.
        known: &'static [&'static str],
    },
    /// A form of text that cannot be compiled.
    #[error("grammar: {0}")]
    Grammar(String),
    /// A constraint cannot go on.
    #[error("constraint: {0}")]
    Constraint(String),
    /// Tokens cannot be drafted.
    #[error("speculation: {0}")]
    Speculation(String),
    /// The scores of the next token choose none.
    #[error(
        "the best score of the next token is {best}, which chooses none: look at the model's numbers and at what changes scores"
    )]
    Scores {
        /// Not a number, or infinite.
        best: f32,
    },
    /// A prompt was not run to its end, as [`PromptProgress`](crate::PromptProgress) asked.
    #[error("cancelled")]
    Cancelled,
    /// What a conversation shows could not be read.
    #[error(transparent)]
    Shown(Box<dyn std::error::Error + Send + Sync>),
    /// A prompt that cannot be run.
    #[error("{0}")]
    Prompt(String),
    /// A cache that cannot do what it is asked.
    #[error("cache: {0}")]
    Cache(String),
    /// A prompt cache that cannot be used.
    #[error("prompt cache {}: {why}", path.display())]
    PromptCache {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A checkpoint that cannot be converted as asked, or a folder that cannot be written.
    #[error("cannot convert to {}: {why}", path.display())]
    Convert {
        /// The folder.
        path: PathBuf,
        /// What is in the way.
        why: String,
    },
    /// An option outside its range.
    #[error("{option} is {value}: {range}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What was given.
        value: f64,
        /// What is allowed.
        range: String,
    },
}
