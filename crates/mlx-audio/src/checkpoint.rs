//! What all models read from a checkpoint.

use std::collections::BTreeMap;

use mlx_core::{Array, Dtype, io};
use mlx_hub::{Checkpoint, Directory, Source};
use mlx_nn::Weights;

use crate::{Error, Result};

/// The folder of a checkpoint.
pub(crate) fn directory(source: &Source) -> Result<Directory> {
    match source.resolve()? {
        Checkpoint::Directory(directory) => Ok(directory),
        _ => Err(Error::config("the checkpoint", "is a GGUF file: give a folder or a Hub id")),
    }
}

/// The arrays of all shards.
pub(crate) fn arrays(directory: &Directory) -> Result<BTreeMap<String, Array>> {
    let mut arrays = BTreeMap::new();
    for shard in directory.shards()? {
        arrays.append(&mut io::load_safetensors(shard)?.arrays);
    }
    Ok(arrays)
}

/// The floats `name` of this shape.
pub(crate) fn floats(w: &Weights, name: &str, shape: impl AsRef<[i32]>) -> Result<Array> {
    Ok(w.parameter(name, shape, |shape, _| Array::zeros(shape, Dtype::Float32))?)
}
