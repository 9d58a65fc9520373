//! Writing weights a file at a time.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mlx_core::{io, memory};
use mlx_nn::Parameters;
use serde_json::json;

use super::{Error, Progress};
use crate::Result;

/// Writes `arrays` to files of at most `most` bytes each, which it computes one after the other, and an index of them
/// for `elements` numbers in all.
pub(super) fn write(
    folder: &Path,
    arrays: Parameters,
    most: usize,
    elements: usize,
    report: &mut dyn FnMut(Progress),
) -> Result<()> {
    let mut progress = Progress { done: 0, total: arrays.nbytes() };
    let metadata = BTreeMap::from([("format".to_owned(), "mlx".to_owned())]);
    let shards = io::shards(arrays, most);
    let (count, mut files) = (shards.len(), BTreeMap::new());
    for (shard, number) in shards.into_iter().zip(1..) {
        let name = match count {
            1 => "model.safetensors".to_owned(),
            _ => format!("model-{number:05}-of-{count:05}.safetensors"),
        };
        for (key, array) in &shard {
            array.eval()?;
            progress.done += array.nbytes();
            report(progress);
            files.insert(key.clone(), name.clone());
        }
        let named = shard.iter().map(|(key, array)| (key.as_str(), array));
        io::save_safetensors(folder.join(name), named, &metadata)?;
        drop(shard);
        memory::clear_cache()?;
    }
    let about = json!({"total_size": progress.total, "total_parameters": elements});
    write_json(&folder.join("model.safetensors.index.json"), &json!({"metadata": about, "weight_map": files}))
}

/// Writes indented JSON.
pub(super) fn write_json(path: &Path, value: &serde_json::Value) -> Result<()> {
    let written = fs::write(path, format!("{value:#}\n"));
    written.map_err(|error| Error::Convert { path: path.to_owned(), why: error.to_string() })
}
