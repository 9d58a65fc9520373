//! Which files of a checkpoint hold its weights, and which names are safe to open.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use crate::{Error, Result, json};

/// The file that lists the shards of a split checkpoint.
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// Picks the weight files among the names in a checkpoint folder that has no index.
///
/// `model*.safetensors` if there are any, else every `*.safetensors`; subfolders are left out.
pub(crate) fn select<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut shards: Vec<_> = names
        .filter(|name| name.ends_with(".safetensors") && !name.contains('/'))
        .map(str::to_owned)
        .collect();
    if shards.iter().any(|name| name.starts_with("model")) {
        shards.retain(|name| name.starts_with("model"));
    }
    shards.sort();
    shards
}

/// Reads the sorted shard names from an index file.
pub(crate) fn read_index(path: &Path) -> Result<Vec<String>> {
    let problem = |problem| Error::Index { path: path.to_owned(), problem };
    let index = json::read(path)?;
    let map = index
        .get("weight_map")
        .and_then(|map| map.as_object())
        .ok_or_else(|| problem("`weight_map` is not an object".into()))?;
    let mut shards = BTreeSet::new();
    for (tensor, shard) in map {
        let shard = shard.as_str().filter(|name| stays_inside(name)).ok_or_else(|| {
            problem(format!("`weight_map` gives {shard} for `{tensor}`, which is not a file in this folder"))
        })?;
        shards.insert(shard.to_owned());
    }
    Ok(shards.into_iter().collect())
}

/// Whether a name taken from a file or a server stays inside the folder it is joined to.
pub(crate) fn stays_inside(name: &str) -> bool {
    let normal = |part| matches!(part, Component::Normal(_));
    !name.is_empty() && !name.contains('\\') && Path::new(name).components().all(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_shards_win_over_other_safetensors() {
        let names =
            ["consolidated.safetensors", "model-2.safetensors", "model-1.safetensors", "x/model.safetensors"];
        assert_eq!(select(names.into_iter()), ["model-1.safetensors", "model-2.safetensors"]);
        assert_eq!(select(["weights.safetensors", "a.json"].into_iter()), ["weights.safetensors"]);
    }

    #[test]
    fn names_that_leave_the_folder_are_seen() {
        for name in ["../x", "/etc/passwd", "a/../../x", "", "..", "a\\..\\b", "./x"] {
            assert!(!stays_inside(name), "{name}");
        }
        assert!(stays_inside("1_Pooling/config.json"));
    }
}
