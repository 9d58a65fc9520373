//! A checkpoint of either layout.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::gguf::Gguf;
use crate::{Directory, Error, Result};

/// A model's files, found and ready to be read.
#[derive(Debug)]
pub enum Checkpoint {
    /// A folder in the Hugging Face layout.
    Directory(Directory),
    /// One GGUF file that holds config, tokenizer and weights.
    Gguf(Arc<Gguf>),
}

impl Checkpoint {
    /// Opens a folder, or a GGUF file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if path.metadata().map_err(Error::io(path))?.is_dir() {
            Ok(Self::Directory(Directory::new(path)))
        } else {
            Ok(Self::Gguf(Arc::new(Gguf::open(path)?)))
        }
    }

    /// The folder or file that this is.
    pub fn path(&self) -> &Path {
        match self {
            Self::Directory(directory) => directory.path(),
            Self::Gguf(gguf) => gguf.path(),
        }
    }

    /// The model's configuration with the keys of a Hugging Face `config.json`.
    pub fn config(&self) -> Result<Value> {
        match self {
            Self::Directory(directory) => directory.config(),
            Self::Gguf(gguf) => gguf.config(),
        }
    }
}
