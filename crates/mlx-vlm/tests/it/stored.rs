//! Golden checkpoints as others store them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mlx_core::io::{load_safetensors, save_safetensors};
use mlx_core::{Array, Dtype, Precision};
use mlx_vlm::VisionLanguageModel;
use mlx_vlm::mlx_hub::Source;
use serde_json::Value;
use tempfile::TempDir;

use crate::conversations::folder;

/// A copy of a golden model whose arrays have other names or axes.
pub(crate) fn stored(name: &str, change: impl Fn(&str, Array) -> (String, Array)) -> TempDir {
    let copy = copied(name);
    let path = copy.path().join("model.safetensors");
    let read = load_safetensors(&path).unwrap();
    let arrays: Vec<_> = read.arrays.into_iter().map(|(name, array)| change(&name, array)).collect();
    arrays.iter().for_each(|(_, array)| array.eval().unwrap());
    let named = arrays.iter().map(|(name, array)| (name.as_str(), array));
    save_safetensors(&path, named, &BTreeMap::new()).unwrap();
    copy
}

/// What is said of a golden model whose config has another value at a path.
pub(crate) fn refused(name: &str, path: &str, value: Value) -> String {
    let copy = copied(name);
    let file = copy.path().join("config.json");
    let mut config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    *config.pointer_mut(path).unwrap() = value;
    fs::write(&file, config.to_string()).unwrap();
    let loaded = VisionLanguageModel::load(Source::path(copy.path()), Some(Dtype::Float32), Precision::Exact);
    loaded.err().unwrap().to_string()
}

fn copied(name: &str) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(folder(name)).unwrap() {
        let from = file.unwrap().path();
        fs::copy(&from, copy.path().join(from.file_name().unwrap())).unwrap();
    }
    assert!(Path::new(copy.path()).join("config.json").is_file());
    copy
}
