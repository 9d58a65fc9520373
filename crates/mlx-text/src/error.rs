//! The one error of this crate.

use std::{io, path::PathBuf};

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong between text and token ids; each message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder holds no `tokenizer.json`.
    #[error(
        "no tokenizer.json in {}: download the checkpoint's tokenizer.json into it, or name a GGUF file, \
         which holds its own vocabulary",
        .0.display()
    )]
    NoTokenizer(PathBuf),

    /// A file is there but cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A file cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A file was read but does not hold what its name promises.
    #[error("{}: {reason}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        reason: String,
    },

    /// A vocabulary taken from a GGUF file contradicts itself or is of an unknown kind.
    #[error("gguf vocabulary: {0}")]
    Vocab(String),

    /// The tokenizer library refused a text or a token.
    #[error("cannot {action}: {reason}")]
    Codec {
        /// `encode` or `decode`.
        action: &'static str,
        /// What the library said.
        reason: String,
    },

    /// The model brings no chat template.
    #[error("no chat template in this model: give one, or prompt it with plain text")]
    NoChatTemplate,

    /// The checkpoint names a way to write calls of functions that is not known.
    #[error("tool_parser_type is `{found}`, which is not known (known: {})", known.join(", "))]
    ToolFormat {
        /// What was named.
        found: String,
        /// What is known.
        known: Vec<&'static str>,
    },

    /// The chat template does not parse, or failed or refused while rendering.
    #[error("chat template: {0}")]
    Template(String),
}

impl Error {
    pub(crate) fn malformed(path: impl Into<PathBuf>, reason: impl ToString) -> Self {
        Self::Malformed { path: path.into(), reason: one_line(&reason.to_string()) }
    }

    pub(crate) fn vocab(reason: impl ToString) -> Self {
        Self::Vocab(one_line(&reason.to_string()))
    }

    pub(crate) fn encode(reason: impl ToString) -> Self {
        Self::Codec { action: "encode", reason: one_line(&reason.to_string()) }
    }

    pub(crate) fn decode(reason: impl ToString) -> Self {
        Self::Codec { action: "decode", reason: one_line(&reason.to_string()) }
    }

    pub(crate) fn template(reason: impl ToString) -> Self {
        Self::Template(one_line(&reason.to_string()))
    }
}

/// Foreign messages may hold line breaks; ours are one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
