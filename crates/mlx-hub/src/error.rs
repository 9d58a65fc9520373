//! What can go wrong between a model's name and its tensors.

use std::io;
use std::path::{Path, PathBuf};

/// The result of anything in this crate that reads a checkpoint.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a checkpoint could not be found or read, naming the file or model at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text given for a model is neither an existing path nor a hub id.
    #[error("`{text}` {problem}")]
    Source {
        /// What the user gave.
        text: String,
        /// What is wrong with it, and what would be right.
        problem: &'static str,
    },
    /// The hub, or its cache on this machine, did not give the model.
    #[error("hub model `{model}`: {problem}")]
    Hub {
        /// The model as `org/name@revision`.
        model: String,
        /// What went wrong, and the way out.
        problem: String,
    },
    /// The operating system refused a file or folder.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A JSON file does not parse.
    #[error("{} is not valid JSON: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The parser's reason, with line and column.
        source: serde_json::Error,
    },
    /// A checkpoint folder lacks files that it should hold.
    #[error("{} has no {}", folder.display(), names.join(", "))]
    MissingFiles {
        /// The checkpoint folder.
        folder: PathBuf,
        /// Every missing file, or the pattern that nothing matched.
        names: Vec<String>,
    },
    /// A shard index cannot be used.
    #[error("{}: {problem}", path.display())]
    Index {
        /// The index file.
        path: PathBuf,
        /// The field and value at fault.
        problem: String,
    },
    /// A GGUF file breaks its format, or uses a part of it that is not supported.
    #[error("{}: {problem}", path.display())]
    Gguf {
        /// The GGUF file.
        path: PathBuf,
        /// The key, tensor or offset at fault.
        problem: String,
    },
    /// A GGUF file holds a model family whose names are not known here.
    #[error("{}: architecture `{found}` is not supported (known: {})", path.display(), known.join(", "))]
    Architecture {
        /// The GGUF file.
        path: PathBuf,
        /// The value of `general.architecture`.
        found: String,
        /// The supported values.
        known: Vec<&'static str>,
    },
    /// A tensor was asked for that a GGUF file does not hold.
    #[error("{} has no tensor `{name}`", path.display())]
    NoTensor {
        /// The GGUF file.
        path: PathBuf,
        /// The name asked for.
        name: String,
    },
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}
