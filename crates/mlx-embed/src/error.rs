//! What can go wrong between a checkpoint and its vectors.

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
    /// The tokenizer failed.
    #[error(transparent)]
    Text(#[from] mlx_text::Error),
    /// A decoder could not be loaded.
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
    /// `modules.json` names a step that is not implemented.
    #[error("modules.json: step `{found}` is not supported (known: {})", known.join(", "))]
    UnknownModule {
        /// The step's type.
        found: String,
        /// What is supported.
        known: &'static [&'static str],
    },
    /// There is no prompt of that name.
    #[error("there is no prompt `{found}` (known: {})", known.join(", "))]
    UnknownPrompt {
        /// What was asked for.
        found: String,
        /// The prompts of the checkpoint.
        known: Vec<String>,
    },
    /// An option outside its range.
    #[error("{option} is {value}: {range}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What was given.
        value: i64,
        /// What is allowed.
        range: String,
    },
}

impl Error {
    pub(crate) fn config(file: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Config { file: file.into(), problem: problem.into() }
    }
}
