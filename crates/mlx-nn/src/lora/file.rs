//! Adapters in folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mlx_core::{Array, io};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::adapter::Arrays;
use super::{Adapter, Options, mlx_lm, peft, place};
use crate::{Error, Module, Result, Weights};

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

/// The adapters of a model, with the paths of their layers.
pub(super) type Adapters<'a> = [(String, &'a Adapter)];

/// Writes the adapters of a model to a folder, which is made if it is not there.
///
/// # Errors
/// The model has no adapters, the format cannot say what they are, or a file cannot be written.
pub fn save<M: Module>(model: &M, folder: impl AsRef<Path>, format: Format) -> Result<()> {
    let folder = folder.as_ref();
    let places = place::all(model).into_iter();
    let adapters: Vec<_> = places.filter_map(|(path, place)| Some((path, place.adapter?))).collect();
    let [(_, first), others @ ..] = &adapters[..] else {
        return Err(Error::config("layers", "none has an adapter to save"));
    };
    let shared = |adapter: &Adapter| (adapter.options().dropout, adapter.options().magnitudes);
    if others.iter().any(|(_, other)| shared(other) != shared(first)) {
        let problem = "their dropouts or magnitudes differ, but a folder has one of each";
        return Err(Error::config("layers", problem));
    }
    fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))?;
    match format {
        Format::MlxLm => mlx_lm::write(folder, model, &adapters),
        Format::Peft => peft::write(folder, model, &adapters),
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
    place::change(model, |path, place| {
        *place.adapter = adapters.remove(path);
        Ok(())
    })
}

/// An adapter for each layer of the model that `w` has arrays for.
fn matching<M: Module>(
    model: &M,
    w: &Weights,
    options: &dyn Fn(&str) -> Options,
) -> Result<BTreeMap<String, Adapter>> {
    let mut adapters = BTreeMap::new();
    for (path, place) in place::all(model) {
        let (layer, options) = (w.at(&path), options(&path));
        if !["lora_a", "lora_b", "m"].iter().any(|name| layer.contains(name)) {
            continue;
        }
        let shape = place.matrix.shape()?;
        let [a, b] = place.role.shapes(shape, options.rank);
        let arrays = Arrays {
            lora_a: layer.array("lora_a", a)?,
            lora_b: layer.array("lora_b", b)?,
            m: options.magnitudes.then(|| layer.array("m", [shape[0]])).transpose()?,
        };
        adapters.insert(path, Adapter::of(arrays, place.role, options)?);
    }
    Ok(adapters)
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
