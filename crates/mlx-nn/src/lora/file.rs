//! Adapters in folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mlx_core::{Array, io};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::adapted::Arrays;
use super::{Adapted, Options, change, mlx_lm, peft};
use crate::{Error, Matrix, Module, Result, Role, Weights};

/// Whose folder it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// mlx-lm's: `adapters.safetensors`, with the names of the arrays in the model.
    MlxLm,
    /// That of Hugging Face's PEFT: `adapter_model.safetensors`, with torch's orientation.
    Peft,
}

/// The file of settings, in both formats.
pub(super) const CONFIG: &str = "adapter_config.json";

/// What a folder holds: arrays under the names that they have in a model, and the options of a layer.
pub(super) struct Stored {
    pub(super) arrays: BTreeMap<String, Array>,
    pub(super) options: Box<dyn Fn(&str) -> Options>,
}

/// An adapter of a model.
pub(super) struct Entry<'a> {
    pub(super) path: String,
    pub(super) role: Role,
    pub(super) adapted: &'a Adapted,
    pub(super) options: Options,
}

/// Writes the adapters of a model to a folder, which is made if it is not there.
///
/// # Errors
/// The model has no adapters, the format cannot say what they are, or a file cannot be written.
pub fn save<M: Module>(model: &M, folder: impl AsRef<Path>, format: Format) -> Result<()> {
    let folder = folder.as_ref();
    let entries = entries(model)?;
    let [Some(first), ..] = [entries.first()] else {
        return Err(Error::config("layers", "none has an adapter to save"));
    };
    let (dropout, magnitudes) = (first.options.dropout, first.options.magnitudes);
    if entries.iter().any(|e| (e.options.dropout, e.options.magnitudes) != (dropout, magnitudes)) {
        return Err(Error::config(
            "layers",
            "their dropouts or magnitudes differ, but a folder has one of each",
        ));
    }
    fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))?;
    match format {
        Format::MlxLm => mlx_lm::write(folder, model, &entries),
        Format::Peft => peft::write(folder, model, &entries),
    }
}

/// Gives a model the adapters of a folder, in either format, instead of those that it has.
///
/// # Errors
/// A file cannot be read or has settings that are not known here, or [`Error::Weights`] lists all arrays that do
/// not fit the model, which is then as before.
pub fn load<M: Module>(model: &mut M, folder: impl AsRef<Path>) -> Result<()> {
    let folder = folder.as_ref();
    let config: serde_json::Value = read_json(&folder.join(CONFIG))?;
    let stored = if config.get("peft_type").is_some() { peft::read(folder) } else { mlx_lm::read(folder) }?;
    let mut adapters = Weights::new(stored.arrays, None).build(|w| matching(model, w, &stored.options))?;
    change(model, |path, role, matrix| {
        let base = super::bare(matrix);
        Ok(match adapters.remove(path) {
            Some((arrays, options)) => Adapted::of(base, role, arrays, options.scale, options.dropout).into(),
            None => base,
        })
    })
}

/// The arrays for each matrix of the model that `w` has any for.
fn matching<M: Module>(
    model: &M,
    w: &Weights,
    options: &dyn Fn(&str) -> Options,
) -> Result<BTreeMap<String, (Arrays, Options)>> {
    let mut adapters = BTreeMap::new();
    for (path, role, matrix) in matrices(model) {
        let (layer, options) = (w.at(&path), options(&path));
        if !["lora_a", "lora_b", "m"].iter().any(|name| layer.contains(name)) {
            continue;
        }
        let shape = matrix.shape()?;
        let [a, b] = role.shapes(shape, options.rank);
        let arrays = Arrays {
            lora_a: layer.array("lora_a", a)?,
            lora_b: layer.array("lora_b", b)?,
            m: options.magnitudes.then(|| layer.array("m", [shape[0]])).transpose()?,
        };
        adapters.insert(path, (arrays, options));
    }
    Ok(adapters)
}

/// All matrices of a model.
pub(super) fn matrices<M: Module>(model: &M) -> Vec<(String, Role, &Matrix)> {
    let mut matrices = Vec::new();
    model.visit_matrices(&mut crate::Path::default(), &mut |path, role, matrix| {
        matrices.push((path.to_owned(), role, matrix));
    });
    matrices
}

/// All adapters of a model.
fn entries<M: Module>(model: &M) -> Result<Vec<Entry<'_>>> {
    let adapted = matrices(model).into_iter().filter_map(|(path, role, matrix)| match matrix {
        Matrix::Adapted(adapted) => Some((path, role, &**adapted)),
        _ => None,
    });
    adapted
        .map(|(path, role, adapted)| Ok(Entry { path, role, adapted, options: adapted.options()? }))
        .collect()
}

pub(super) fn read_arrays(path: &Path) -> Result<BTreeMap<String, Array>> {
    Ok(io::load_safetensors(path)?.arrays)
}

pub(super) fn write_arrays(path: &Path, arrays: &[(String, Array)], metadata: &[(&str, &str)]) -> Result<()> {
    let metadata = metadata.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect();
    Ok(io::save_safetensors(path, arrays.iter().map(|(name, array)| (name.as_str(), array)), &metadata)?)
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
    serde_json::from_str(&text).map_err(|error| Error::file(path, error))
}

/// Writes beside `path` and renames.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let write = || {
        let beside = path.with_extension("json.partial");
        let text = serde_json::to_string_pretty(value)?;
        fs::write(&beside, text + "\n")?;
        fs::rename(&beside, path)
    };
    write().map_err(|error: std::io::Error| Error::file(path, error))
}
