//! A checkpoint folder in the Hugging Face layout.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Error, Result, json, shard};

/// A folder with a `config.json`, safetensors shards and tokenizer files.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Names a folder; nothing is read before it is asked for.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The model's `config.json`.
    pub fn config(&self) -> Result<Value> {
        self.json("config.json")
    }

    /// The defaults for generation, if the folder has a `generation_config.json`.
    pub fn generation_config(&self) -> Result<Option<Value>> {
        self.file("generation_config.json").map(|path| json::read(&path)).transpose()
    }

    /// Any JSON file of the folder.
    ///
    /// Non-finite numbers are accepted, bare or tagged (`{"__float__": "Infinity"}`): infinity
    /// becomes the largest `f64`, which reads as infinite again as `f32`, and NaN becomes null.
    pub fn json(&self, name: &str) -> Result<Value> {
        json::read(&self.file(name).ok_or_else(|| self.missing(vec![name.to_owned()]))?)
    }

    /// The path of a file of the folder, if it exists.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        let path = self.path.join(name);
        (shard::stays_inside(name) && path.is_file()).then_some(path)
    }

    /// The safetensors files that hold the weights, sorted by name.
    ///
    /// The shards of `model.safetensors.index.json` if there is one, else `model*.safetensors`,
    /// else every `*.safetensors`. Every listed shard that is missing is named in the error.
    pub fn shards(&self) -> Result<Vec<PathBuf>> {
        let names = match self.file(shard::INDEX) {
            Some(index) => shard::read_index(&index)?,
            None => shard::select(self.names()?.iter().map(String::as_str)),
        };
        if names.is_empty() {
            return Err(self.missing(vec!["*.safetensors".into()]));
        }
        let (found, missing): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| self.file(name).is_some());
        if missing.is_empty() {
            Ok(found.into_iter().map(|name| self.path.join(name)).collect())
        } else {
            Err(self.missing(missing))
        }
    }

    fn names(&self) -> Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.path).map_err(Error::io(&self.path))?;
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        names.collect::<std::io::Result<_>>().map_err(Error::io(&self.path))
    }

    fn missing(&self, names: Vec<String>) -> Error {
        Error::MissingFiles { folder: self.path.clone(), names }
    }
}
