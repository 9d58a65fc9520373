//! Safetensors in several files with an index, as Hugging Face stores large models.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::file::{self, about};
use super::safetensors::{Safetensors, load_safetensors, save_safetensors};
use crate::{Array, Result};

/// The name of the index in its folder.
const INDEX: &str = "model.safetensors.index.json";

/// Which file each tensor is in.
#[derive(Serialize, Deserialize)]
struct Index {
    #[serde(default)]
    metadata: serde_json::Map<String, serde_json::Value>,
    weight_map: BTreeMap<String, String>,
}

/// Opens the files that `index` names, which lie beside it, and gives the arrays that it lists. Each is read when
/// it is first used. The metadata is that of all files together.
///
/// # Errors
/// The index is no index or names a file elsewhere, a file cannot be loaded, or an array is not where it should be.
#[track_caller]
pub fn load_sharded(index: impl AsRef<Path>) -> Result<Safetensors> {
    let path = index.as_ref();
    let index = about("load_sharded", path.display(), read_index(path))?;
    let (mut arrays, mut metadata) = (BTreeMap::new(), BTreeMap::new());
    let names: BTreeSet<_> = index.weight_map.values().collect();
    for name in names {
        let mut shard = load_safetensors(path.with_file_name(name))?;
        metadata.append(&mut shard.metadata);
        shard.arrays.retain(|key, _| index.weight_map.get(key) == Some(name));
        arrays.append(&mut shard.arrays);
    }
    let missing: Vec<_> = index.weight_map.iter().filter(|(key, _)| !arrays.contains_key(*key)).collect();
    if !missing.is_empty() {
        let list: Vec<_> = missing.iter().map(|(key, name)| format!("{key} is not in {name}")).collect();
        return about("load_sharded", path.display(), Err(list.join(", ")));
    }
    Ok(Safetensors { arrays, metadata })
}

fn read_index(path: &Path) -> Result<Index, String> {
    let (file, _) = file::open(path)?;
    let index: Index =
        serde_json::from_reader(std::io::BufReader::new(file)).map_err(|error| error.to_string())?;
    match index.weight_map.values().find(|name| !is_plain(name)) {
        Some(name) => Err(format!("{name:?} is no name of a file beside it")),
        None => Ok(index),
    }
}

/// Whether this names a file, and no other folder.
fn is_plain(name: &str) -> bool {
    Path::new(name).file_name().is_some_and(|plain| plain == name)
}

/// Writes arrays to files of at most `most` bytes of data each and an index of them, all in `folder`, and
/// gives the names of the files. A larger array has a file of its own. The index is written last.
///
/// # Errors
/// As [`save_safetensors`]. The files before the one that failed are then written, and the index is the old one.
#[track_caller]
pub fn save_sharded<'a>(
    folder: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &BTreeMap<String, String>,
    most: usize,
) -> Result<Vec<String>> {
    let folder = folder.as_ref();
    let arrays: Vec<_> = arrays.into_iter().collect();
    let total: usize = arrays.iter().map(|(_, array)| array.nbytes()).sum();
    let mut index = Index {
        metadata: serde_json::Map::from_iter([("total_size".to_owned(), total.into())]),
        weight_map: BTreeMap::new(),
    };
    let (shards, mut names) = (self::shards(arrays, most), Vec::new());
    for (at, shard) in shards.iter().enumerate() {
        let name = match shards.len() {
            1 => "model.safetensors".to_owned(),
            count => format!("model-{:05}-of-{count:05}.safetensors", at + 1),
        };
        for (key, _) in shard {
            let taken = index.weight_map.insert((*key).to_owned(), name.clone()).is_some();
            let fresh = if taken { Err(format!("the name {key} is taken")) } else { Ok(()) };
            about("save_sharded", folder.display(), fresh)?;
        }
        save_safetensors(folder.join(&name), shard.iter().copied(), metadata)?;
        names.push(name);
    }
    write_index(&folder.join(INDEX), &index)?;
    Ok(names)
}

#[track_caller]
fn write_index(path: &Path, index: &Index) -> Result<()> {
    file::replace("save_sharded", path, ".json", |beside| {
        let text = serde_json::to_string_pretty(index).map_err(|error| error.to_string());
        let written = text.and_then(|text| fs::write(beside, text).map_err(|error| error.to_string()));
        about("save_sharded", path.display(), written)
    })
}

/// Named arrays in their order, in parts of at most `most` bytes or of one array; at least one part.
pub fn shards<N, A: Borrow<Array>>(
    arrays: impl IntoIterator<Item = (N, A)>,
    most: usize,
) -> Vec<Vec<(N, A)>> {
    let (mut parts, mut part, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
    for (name, array) in arrays {
        let nbytes = array.borrow().nbytes();
        if !part.is_empty() && bytes.saturating_add(nbytes) > most {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes = bytes.saturating_add(nbytes);
        part.push((name, array));
    }
    parts.push(part);
    parts
}
