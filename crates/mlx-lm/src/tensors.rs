//! From a checkpoint's files to arrays by name.

use std::collections::BTreeMap;

use mlx_core::{Array, io};
use mlx_hub::gguf::{self, Data, Floats, Gguf};
use mlx_hub::{Checkpoint, Directory};

use crate::Result;

type Arrays = BTreeMap<String, Array>;

/// All tensors of a checkpoint. Those of safetensors files are read when they are first used.
pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Arrays> {
    match checkpoint {
        Checkpoint::Directory(directory) => read_shards(directory),
        Checkpoint::Gguf(file) => read_gguf(file),
    }
}

fn read_shards(directory: &Directory) -> Result<Arrays> {
    let mut all = Arrays::new();
    for shard in directory.shards()? {
        all.append(&mut io::load_safetensors(shard)?.arrays);
    }
    Ok(all)
}

fn read_gguf(file: &Gguf) -> Result<Arrays> {
    let mut all = Arrays::new();
    for name in file.tensors() {
        let gguf::Tensor { shape, data } = file.load(name)?;
        let shape: Vec<_> = shape.iter().map(|&n| i32::try_from(n).unwrap_or(i32::MAX)).collect();
        match data {
            Data::Affine(packed) => insert_packed(&mut all, name, &shape, &packed)?,
            Data::F32(values) => insert(&mut all, name, Array::from_slice(&values, shape)?),
            Data::F16(values) => insert(&mut all, name, Array::from_slice(&values, shape)?),
            Data::Bf16(values) => insert(&mut all, name, Array::from_slice(&values, shape)?),
        }
    }
    Ok(all)
}

fn insert(all: &mut Arrays, name: &str, array: Array) {
    all.insert(name.to_owned(), array);
}

/// Adds a quantized tensor under the three names that MLX's checkpoints use.
fn insert_packed(all: &mut Arrays, name: &str, shape: &[i32], packed: &gguf::Affine) -> Result<()> {
    let Some((&columns, rows)) = shape.split_last() else { return Ok(()) };
    let path = name.strip_suffix(".weight").unwrap_or(name);
    let group_size = i32::try_from(packed.group_size).unwrap_or(i32::MAX);
    let with_columns = |columns: i32| [rows, &[columns]].concat();
    let words = columns / 32 * i32::from(packed.bits);
    let groups = with_columns(columns / group_size.max(1));
    insert(all, &format!("{path}.weight"), Array::from_slice(&packed.weight, with_columns(words))?);
    insert(all, &format!("{path}.scales"), floats(&packed.scales, &groups)?);
    insert(all, &format!("{path}.biases"), floats(&packed.biases, &groups)?);
    Ok(())
}

fn floats(values: &Floats, shape: &[i32]) -> Result<Array> {
    Ok(match values {
        Floats::F16(values) => Array::from_slice(values, shape)?,
        Floats::F32(values) => Array::from_slice(values, shape)?,
    })
}
