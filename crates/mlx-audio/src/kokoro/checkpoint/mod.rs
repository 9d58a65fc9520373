//! Kokoro's checkpoints: hexgrad's, those of MLX, and ONNX exports with small integers.

mod names;
mod quantized;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use mlx_core::Array;
use mlx_hub::{Directory, Source};
use serde::Deserialize;

use super::config::Config;
use crate::onnx::Onnx;
use crate::{Error, Result, checkpoint, torch};

/// The files of a checkpoint.
pub(super) struct Files {
    pub(super) folder: PathBuf,
    pub(super) config: Config,
    pub(super) arrays: BTreeMap<String, Array>,
}

impl Files {
    /// Reads a folder or Hub repository: its safetensors files, or else its one `.pth` or `.onnx` file.
    pub(super) fn open(source: &Source) -> Result<Self> {
        let source = ["*.pth", "*.onnx", "vocab.json", "*.npz", "voices*.bin", "voices/*"]
            .into_iter()
            .fold(source.clone(), Source::include);
        let directory = checkpoint::directory(&source)?;
        let folder = directory.path().to_owned();
        let of = |ending: &str| -> Result<Vec<PathBuf>> { with_ending(&folder, ending) };
        let (config, arrays) = match (directory.shards(), of("pth")?.as_slice(), of("onnx")?.as_slice()) {
            (Ok(_), ..) => (config(&directory)?, checkpoint::arrays(&directory)?),
            (_, [file], _) => (config(&directory)?, torch::archive(file)?),
            (_, [], [file]) => (of_export(&directory)?, export(file)?),
            (_, [], []) => {
                let problem = "has no Kokoro: no safetensors, .pth or .onnx file";
                return Err(Error::config(folder.display().to_string(), problem));
            }
            _ => {
                let problem = "has more than one .pth or .onnx file: leave one of them";
                return Err(Error::config(folder.display().to_string(), problem));
            }
        };
        config.check()?;
        Ok(Self { arrays: names::unify(arrays)?, folder, config })
    }
}

/// The files of a folder with names that end so, in order.
pub(super) fn with_ending(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::File { path: folder.to_owned(), source };
    let entries = folder.read_dir().map_err(failed)?;
    let paths = entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect::<Result<Vec<_>>>()?;
    let is = |path: &PathBuf| path.extension().is_some_and(|extension| extension == ending);
    let mut found: Vec<PathBuf> = paths.into_iter().filter(is).collect();
    found.sort();
    Ok(found)
}

fn config(directory: &Directory) -> Result<Config> {
    let config = directory.config()?;
    Config::deserialize(&config).map_err(|error| Error::config("config.json", error.to_string()))
}

/// Exports tell their phonemes in `vocab.json` or `config.json`, and nothing of their sizes.
fn of_export(directory: &Directory) -> Result<Config> {
    #[derive(Deserialize)]
    struct Vocabulary {
        vocab: HashMap<char, i32>,
    }
    let name = if directory.file("vocab.json").is_some() { "vocab.json" } else { "config.json" };
    let found = Vocabulary::deserialize(&directory.json(name)?);
    let Vocabulary { vocab } = found.map_err(|error| Error::config(name, error.to_string()))?;
    Ok(Config::of_82m(vocab))
}

fn export(path: &Path) -> Result<BTreeMap<String, Array>> {
    let bytes = std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    let onnx = Onnx::read(&bytes).map_err(|problem| Error::config(path.display().to_string(), problem))?;
    quantized::weights(&onnx)
}
