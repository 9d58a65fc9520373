//! What can go wrong while a model is built.

use std::fmt::Display;
use std::path::Path;

use crate::Report;

/// The result of building something.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a layer or model could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An op failed.
    #[error(transparent)]
    Mlx(#[from] mlx_core::Error),
    /// The checkpoint does not hold what the model needs.
    #[error(transparent)]
    Weights(#[from] Report),
    /// A setting of the model is missing or makes no sense.
    #[error("{field}: {problem}")]
    Config {
        /// The setting, as `config.json` spells it.
        field: String,
        /// What is wrong with it, and what is known.
        problem: String,
    },
    /// A file cannot be read or written, or does not say what it should.
    #[error("{path}: {problem}")]
    File {
        /// Which one.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A training has failed.
    #[error(
        "the loss is {loss} at step {step}: lower the learning rate, clip the gradients or scale the loss"
    )]
    Diverged {
        /// The step, as the loop counts.
        step: usize,
        /// The loss: infinite, or not a number.
        loss: f32,
    },
}

impl Error {
    pub(crate) fn config(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Config { field: field.into(), problem: problem.into() }
    }

    pub(crate) fn file(path: &Path, problem: impl Display) -> Self {
        Self::File { path: path.display().to_string(), problem: problem.to_string() }
    }
}
