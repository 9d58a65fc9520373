//! The beginnings of prompts in files, while their model is not loaded.

use std::collections::HashSet;
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{fs, io};

use mlx_lm::LanguageModel;
use mlx_lm::cache::PromptCache;

/// Where a model's files are.
pub(super) fn folder(all: &Path, model: &str) -> PathBuf {
    let name = |letter: char| if letter.is_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    all.join(model.chars().map(name).collect::<String>().trim_start_matches('.'))
}

/// Writes a file for each, and takes away those of earlier ones.
///
/// # Errors
/// A file cannot be written. Those from before are then still there.
pub(super) fn write(
    folder: &Path,
    kept: impl Iterator<Item = PromptCache>,
    model: &LanguageModel,
) -> mlx_lm::Result<()> {
    let broken =
        |error: io::Error| mlx_lm::Error::PromptCache { path: folder.to_owned(), why: error.to_string() };
    fs::create_dir_all(folder).map_err(broken)?;
    let mut names = HashSet::new();
    for cache in kept {
        let name = OsString::from(format!("{:016x}.safetensors", digest(&cache.tokens)));
        // What tokens hold is always the same, so what is there need not be written again.
        if !folder.join(&name).exists() {
            cache.save(folder.join(&name), model)?;
        }
        names.insert(name);
    }
    for entry in fs::read_dir(folder).map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let ours = entry.path().extension().is_some_and(|ending| ending == "safetensors");
        if ours && !names.contains(&entry.file_name()) {
            fs::remove_file(entry.path()).map_err(broken)?;
        }
    }
    Ok(())
}

/// Reads what was written with the same model; other files are left alone.
pub(super) fn read(folder: &Path, model: &LanguageModel) -> Vec<PromptCache> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let loaded = paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "safetensors"));
    loaded
        .filter_map(|path| {
            let loaded = PromptCache::load(path, model);
            loaded.inspect_err(|error| tracing::warn!("{error}: it is not used")).ok()
        })
        .collect()
}

fn digest(tokens: &[u32]) -> u64 {
    let mut hasher = DefaultHasher::new();
    tokens.hash(&mut hasher);
    hasher.finish()
}
