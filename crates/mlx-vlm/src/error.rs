//! What can go wrong between a checkpoint, an image and a text.

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
    /// The tokenizer or the chat template failed.
    #[error(transparent)]
    Text(#[from] mlx_text::Error),
    /// The decoder could not be loaded or run.
    #[error(transparent)]
    Decoder(#[from] mlx_lm::Error),
    /// An image could not be read, or not be brought into the shape that the model takes.
    #[error(transparent)]
    Image(#[from] mlx_image::Error),
    /// A file of the checkpoint lacks a field, or a field has a value that cannot be.
    #[error("{file}: {problem}")]
    Config {
        /// The file, as the checkpoint calls it.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The config names an architecture that is not implemented.
    #[error("model type `{found}` is not supported (known: {})", known.join(", "))]
    UnknownModel {
        /// The config's `model_type`.
        found: String,
        /// What is supported.
        known: &'static [&'static str],
    },
    /// A conversation cannot be turned into a prompt.
    #[error("{0}")]
    Prompt(String),
    /// An answer says of places what cannot be read.
    #[error("{0}")]
    Answer(String),
}

impl Error {
    pub(crate) fn config(problem: impl Into<String>) -> Self {
        Self::Config { file: "config.json".into(), problem: problem.into() }
    }
}
