//! The one error of this crate.

use std::{io, path::PathBuf};

use crate::Size;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong between a file and its numbers; each message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A path is no file.
    #[error("{}: {problem}", .path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
        /// What it is, and the way out.
        problem: &'static str,
    },

    /// Bytes are no image, or a damaged one.
    #[error("{name}: {problem}")]
    Decode {
        /// The file, or what else the bytes are.
        name: String,
        /// What is wrong with them.
        problem: String,
    },

    /// An image is larger than it may be.
    #[error("{name}: {found} is more than the limit `{limit}` of {most}")]
    TooLarge {
        /// The file, or what else it is.
        name: String,
        /// How large it is.
        found: String,
        /// The limit's name in [`Limits`](crate::Limits).
        limit: &'static str,
        /// What is allowed.
        most: u64,
    },

    /// An image cannot have this size.
    #[error("{action} to {size}: {problem}")]
    Size {
        /// What was to be done.
        action: &'static str,
        /// The size that was asked for.
        size: Size,
        /// Why it cannot be.
        problem: String,
    },

    /// A config lacks a field, or a field has a value that cannot be.
    #[error("{file}: {problem}")]
    Config {
        /// The file.
        file: String,
        /// What is wrong in it.
        problem: String,
    },
}

impl Error {
    pub(crate) fn decode(name: &str, problem: impl ToString) -> Self {
        // Foreign messages may hold line breaks; ours are one line.
        let problem = problem.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self::Decode { name: name.to_owned(), problem }
    }

    pub(crate) fn config(problem: impl Into<String>) -> Self {
        Self::Config { file: crate::processor::FILE.to_owned(), problem: problem.into() }
    }

    pub(crate) fn size(action: &'static str, size: Size, problem: impl Into<String>) -> Self {
        Self::Size { action, size, problem: problem.into() }
    }
}
