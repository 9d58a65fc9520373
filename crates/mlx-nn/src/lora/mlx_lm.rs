//! The folder of mlx-lm.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Options;
use super::file::{Adapters, CONFIG, Stored, read_arrays, read_json, write_arrays, write_json};
use crate::{Error, Module, Result};

const ARRAYS: &str = "adapters.safetensors";

#[derive(Serialize, Deserialize)]
struct Config {
    #[serde(default = "lora")]
    fine_tune_type: String,
    /// How many of the last blocks have adapters.
    num_layers: i32,
    lora_parameters: Parameters,
}

#[derive(Serialize, Deserialize)]
struct Parameters {
    rank: i32,
    scale: f32,
    #[serde(default)]
    dropout: f32,
    /// The paths of adapted layers, in a block or in the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<String>>,
}

fn lora() -> String {
    "lora".to_owned()
}

pub(super) fn read(folder: &Path) -> Result<Stored> {
    let config: Config = read_json(&folder.join(CONFIG))?;
    let magnitudes = match config.fine_tune_type.as_str() {
        "lora" => false,
        "dora" => true,
        other => {
            return Err(Error::config(
                "fine_tune_type",
                format!("`{other}` makes no adapters, only lora and dora"),
            ));
        }
    };
    let Parameters { rank, scale, dropout, .. } = config.lora_parameters;
    let options = Options { rank, scale, dropout, magnitudes };
    options.check()?;
    Ok(Stored { arrays: read_arrays(&folder.join(ARRAYS))?, options: Box::new(move |_| options) })
}

pub(super) fn write<M: Module>(folder: &Path, model: &M, adapters: &Adapters<'_>) -> Result<()> {
    let mut arrays = Vec::new();
    for (path, adapter) in adapters {
        arrays.extend(adapter.arrays().named(path));
    }
    let config = config(model, adapters)?;
    write_arrays(&folder.join(ARRAYS), &arrays, &[])?;
    write_json(&folder.join(CONFIG), &config)
}

fn config<M: Module>(model: &M, adapters: &Adapters<'_>) -> Result<Config> {
    let mut options = adapters.iter().map(|(_, adapter)| adapter.options());
    let first = options.next().unwrap_or_default();
    if let Some(other) = options.find(|&other| other != first) {
        let problem =
            format!("mlx-lm knows one for all layers, not both {first:?} and {other:?}: save as PEFT's");
        return Err(Error::config("lora_parameters", problem));
    }
    let Options { rank, scale, dropout, magnitudes } = first;
    let blocks =
        |paths: &mut dyn Iterator<Item = &str>| paths.filter_map(in_block).map(|(block, _)| block).collect();
    let all: BTreeSet<usize> = blocks(&mut model.parameters().names());
    let adapted: BTreeSet<usize> = blocks(&mut adapters.iter().map(|(path, _)| path.as_str()));
    let last = adapted.first().map_or(0, |first| all.range(first..).count());
    let key = |path| in_block(path).map_or(path, |(_, key)| key);
    let keys: BTreeSet<&str> = adapters.iter().map(|(path, _)| key(path.as_str())).collect();
    Ok(Config {
        fine_tune_type: if magnitudes { "dora" } else { "lora" }.to_owned(),
        num_layers: i32::try_from(last).unwrap_or(-1),
        lora_parameters: Parameters {
            rank,
            scale,
            dropout,
            keys: Some(keys.into_iter().map(String::from).collect()),
        },
    })
}

/// The number of the block that a path leads into, and the path from there.
fn in_block(path: &str) -> Option<(usize, &str)> {
    let inside = path.strip_prefix("layers.").or_else(|| Some(path.split_once(".layers.")?.1))?;
    let (number, key) = inside.split_once('.')?;
    Some((number.parse().ok()?, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_into_a_block_where_its_list_has_a_number() {
        assert_eq!(in_block("model.layers.11.self_attn.q_proj"), Some((11, "self_attn.q_proj")));
        assert_eq!(in_block("layers.0.up"), Some((0, "up")));
        assert_eq!(in_block("lm_head"), None);
        assert_eq!(in_block("model.layers.norm.weight"), None);
    }
}
