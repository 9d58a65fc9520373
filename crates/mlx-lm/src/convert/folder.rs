//! The new folder: beside its place until it is whole, and what is in it beside weights.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mlx_core::Dtype;
use mlx_hub::{Checkpoint, Directory};
use mlx_nn::QuantizationConfig;
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::shards::write_json;
use crate::{Error, Result, loader};

/// Files of a checkpoint that a tokenizer or a generation needs, by how their names begin.
const COPIED: &[&str] = &[
    "added_tokens",
    "chat_template",
    "generation_config",
    "merges",
    "preprocessor_config",
    "processor_config",
    "special_tokens_map",
    "spiece",
    "tokenizer",
    "video_preprocessor_config",
    "vocab",
];

/// The part of a config that is about what sees.
const VISION: &str = "vision_config";

/// Keys of a config that are about the files it came with.
const DROPPED: &[&str] = &["_name_or_path", "compression_config", "quantization", "quantization_config"];

/// A folder that goes away unless it is put in place.
pub(super) struct Folder {
    target: PathBuf,
    beside: TempDir,
}

impl Folder {
    /// A folder for what will be at `target`, where nothing may be yet but an empty folder.
    pub(super) fn beside(target: &Path) -> Result<Self> {
        let refuse = |why: String| Error::Convert { path: target.to_owned(), why };
        match fs::read_dir(target).map(|mut entries| entries.next().is_none()) {
            Ok(true) => {}
            Ok(false) => return Err(refuse("it is not empty: name a new folder".to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(refuse(error.to_string())),
        }
        let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix(".mlx-convert-").permissions(Permissions::from_mode(0o777));
        let made = fs::create_dir_all(parent).and_then(|()| builder.tempdir_in(parent));
        let beside = made.map_err(|error| refuse(error.to_string()))?;
        Ok(Self { target: target.to_owned(), beside })
    }

    /// Where it will be.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.beside.path()
    }

    /// Writes the config, and what else of the checkpoint stays as it is.
    pub(super) fn describe(
        &self,
        checkpoint: &Checkpoint,
        dtype: Option<Dtype>,
        quantization: Option<&QuantizationConfig>,
        keeps_others: bool,
    ) -> Result<()> {
        let config = new_config(checkpoint.config()?, dtype, quantization);
        let mut config = config.map_err(|error| self.refuse(error))?;
        if let Some(fields) = config.as_object_mut().filter(|_| !keeps_others) {
            fields.remove(VISION);
        }
        write_json(&self.path().join("config.json"), &config)?;
        match checkpoint {
            Checkpoint::Directory(directory) => self.copy(directory).map_err(|error| self.refuse(error)),
            Checkpoint::Gguf(_) => Ok(loader::tokenizer(checkpoint)?.save(self.path())?),
        }
    }

    fn copy(&self, directory: &Directory) -> io::Result<()> {
        for entry in fs::read_dir(directory.path())? {
            let name = entry?.file_name();
            let text = name.to_string_lossy();
            let wanted = COPIED.iter().any(|begin| text.starts_with(begin)) || text.ends_with(".tiktoken");
            if wanted && let Some(file) = directory.file(&text) {
                fs::copy(file, self.path().join(&name))?;
            }
        }
        Ok(())
    }

    /// Gives the folder its place.
    pub(super) fn put_in_place(self) -> Result<()> {
        fs::rename(self.path(), &self.target).map_err(|error| self.refuse(error))
    }

    fn refuse(&self, error: impl ToString) -> Error {
        Error::Convert { path: self.target.clone(), why: error.to_string() }
    }
}

/// The config of a checkpoint, with what has changed.
fn new_config(
    config: Value,
    dtype: Option<Dtype>,
    quantization: Option<&QuantizationConfig>,
) -> serde_json::Result<Value> {
    let Value::Object(mut fields) = config else { return Ok(config) };
    renew(&mut fields, dtype);
    if let Some(Value::Object(text)) = fields.get_mut("text_config") {
        renew(text, dtype);
    } else if let Some(dtype) = dtype
        && !fields.contains_key("dtype")
    {
        fields.insert("torch_dtype".into(), dtype.to_string().into());
    }
    if let Some(quantization) = quantization {
        let quantization = serde_json::to_value(quantization)?;
        fields.insert("quantization_config".into(), quantization.clone());
        fields.insert("quantization".into(), quantization);
    }
    let sorted: BTreeMap<_, _> = fields.into_iter().collect();
    Ok(Map::from_iter(sorted).into())
}

fn renew(fields: &mut Map<String, Value>, dtype: Option<Dtype>) {
    fields.retain(|name, _| !DROPPED.contains(&name.as_str()));
    for name in ["dtype", "torch_dtype"] {
        if let (Some(stored), Some(dtype)) = (fields.get_mut(name), dtype) {
            *stored = dtype.to_string().into();
        }
    }
}

#[cfg(test)]
mod tests {
    use mlx_core::Quantization;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_config_says_how_layers_are_stored_twice_as_mlx_lm_does() {
        let config = json!({"z": 1, "_name_or_path": "x", "quantization_config": {"quant_method": "gptq"}});
        let layers = QuantizationConfig::new(Quantization::affine(4, 64)).with_layer("a.b", None);
        let scheme = json!({"group_size": 64, "bits": 4, "mode": "affine", "a.b": false});
        let new = new_config(config, Some(Dtype::Float16), Some(&layers)).unwrap();
        let expected = json!({
            "quantization": scheme, "quantization_config": scheme, "torch_dtype": "float16", "z": 1
        });
        assert_eq!(new, expected);
        let keys: Vec<_> = new.as_object().unwrap().keys().collect();
        assert!(keys.is_sorted(), "{keys:?}");
    }

    #[test]
    fn the_type_of_a_nested_config_changes_too() {
        let config = json!({"text_config": {"dtype": "bfloat16"}});
        let new = new_config(config, Some(Dtype::Float32), None).unwrap();
        assert_eq!(new, json!({"text_config": {"dtype": "float32"}}));
    }
}
