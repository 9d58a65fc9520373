//! From a checkpoint's files to arrays by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mlx_core::{Array, io};
use mlx_hub::gguf::{Gguf, Stream};
use mlx_hub::{Checkpoint, Directory};

use crate::Result;

pub(crate) type Arrays = BTreeMap<String, Array>;

/// All tensors of a checkpoint, of which no more than headers is read before they are used.
pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Arrays> {
    match checkpoint {
        Checkpoint::Directory(directory) => read_shards(directory),
        Checkpoint::Gguf(file) => Ok(io::read_safetensors(Stream::new(Arc::clone(file)))?.arrays),
    }
}

fn read_shards(directory: &Directory) -> Result<Arrays> {
    let mut all = Arrays::new();
    for shard in directory.shards()? {
        all.append(&mut io::load_safetensors(shard)?.arrays);
    }
    Ok(all)
}

/// The formats of a file's tensors, each once: `GGUF Q4_K, Q6_K, F32`.
pub(crate) fn formats(file: &Gguf) -> String {
    let formats = file.tensors().filter_map(|name| Some(format!("{:?}", file.tensor(name)?.format)));
    let formats: BTreeSet<_> = formats.collect();
    format!("GGUF {}", formats.into_iter().collect::<Vec<_>>().join(", "))
}
