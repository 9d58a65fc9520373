//! The named special tokens of a checkpoint: `bos_token`, `eos_token` and the like.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde_json::Value;

use crate::{Error, Result};

/// Special tokens by the names chat templates know them by.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpecialTokens(BTreeMap<String, String>);

impl SpecialTokens {
    /// What `tokenizer_config.json` says; `special_tokens_map.json` fills what that leaves out.
    pub(crate) fn from_dir(dir: &Path, config: Option<&Value>) -> Result<Self> {
        let map = read_json(&dir.join("special_tokens_map.json"))?;
        let mut tokens = Self::default();
        for source in [config, map.as_ref()].into_iter().flatten() {
            tokens.fill_from(source);
        }
        Ok(tokens)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, token)| (name.as_str(), token.as_str()))
    }

    fn fill_from(&mut self, source: &Value) {
        for (name, value) in source.as_object().into_iter().flatten() {
            if name.ends_with("_token")
                && let Some(token) = spelling(value)
            {
                self.0.entry(name.clone()).or_insert_with(|| token.to_owned());
            }
        }
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for SpecialTokens {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(tokens: I) -> Self {
        Self(tokens.into_iter().map(|(name, token)| (name.to_owned(), token.to_owned())).collect())
    }
}

/// A token is written as a string, or as an object with its `content`.
fn spelling(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str())
}

/// A JSON file, or `None` if there is none.
pub(crate) fn read_json(path: &Path) -> Result<Option<Value>> {
    let Some(text) = read_text(path)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|error| Error::malformed(path, error))
}

/// A text file, or `None` if there is none.
pub(crate) fn read_text(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}
