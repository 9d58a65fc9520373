//! What can go wrong between a file and its words.

use std::path::PathBuf;

/// The result of reading sound or running a model.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why sound could not be read or a model not be run.
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
    /// The language model within a model of speech failed.
    #[error(transparent)]
    Decoder(#[from] mlx_lm::Error),
    /// The tokenizer failed.
    #[error(transparent)]
    Text(#[from] mlx_text::Error),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file holds no sound that can be read.
    #[error("{}: {problem}", path.display())]
    Sound {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A microphone or a loudspeaker cannot be used.
    #[error("sound device {name}: {problem}")]
    Device {
        /// What it is called.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
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
    /// An option outside its range.
    #[error("{option} is {value}: {range}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        range: String,
    },
}

impl Error {
    pub(crate) fn config(file: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Config { file: file.into(), problem: problem.into() }
    }

    pub(crate) fn option(option: &'static str, value: impl ToString, range: impl Into<String>) -> Self {
        Self::Option { option, value: value.to_string(), range: range.into() }
    }
}
