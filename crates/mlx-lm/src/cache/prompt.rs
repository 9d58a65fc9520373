//! The beginning of prompts, run once and kept in a file.

use std::path::Path;

use super::KvCache;
use crate::{Error, LanguageModel, Result};

/// The first tokens of prompts, and what a model remembers of them.
#[derive(Clone, Debug)]
pub struct PromptCache {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// What the model remembers.
    pub cache: KvCache,
}

impl PromptCache {
    /// Writes it to a new file beside `path`, then puts that in place. It belongs to `model`, by its
    /// [`fingerprint`](LanguageModel::fingerprint).
    ///
    /// # Errors
    /// The file cannot be written. Whatever was at `path` is then still there.
    pub fn save(&self, path: impl AsRef<Path>, model: &LanguageModel) -> Result<()> {
        self.cache.write(path.as_ref(), &model.fingerprint()?, &self.tokens)
    }

    /// Reads what [`save`](Self::save) wrote with the same model, for
    /// [`generate_from`](LanguageModel::generate_from).
    ///
    /// # Errors
    /// The file is missing, damaged, of another version or of another model, or does not tell its tokens.
    pub fn load(path: impl AsRef<Path>, model: &LanguageModel) -> Result<Self> {
        let path = path.as_ref();
        let (cache, tokens) = KvCache::read(path, &model.fingerprint()?, &model.model().cache())?;
        if tokens.len() == cache.offset().unsigned_abs() as usize {
            return Ok(Self { tokens, cache });
        }
        let why = format!("it holds {} tokens and names {}", cache.offset(), tokens.len());
        Err(Error::PromptCache { path: path.to_owned(), why })
    }
}
