//! From a checkpoint's files to arrays by name.

use std::collections::{BTreeMap, BTreeSet};

use mlx_core::{Array, Dtype, io};
use mlx_hub::gguf::{self, Data, Floats, Gguf, Layout};
use mlx_hub::{Checkpoint, Directory};

use crate::Result;

pub(crate) type Arrays = BTreeMap<String, Array>;

/// All tensors of a checkpoint. Those of safetensors files are read when they are first used.
pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Arrays> {
    match checkpoint {
        Checkpoint::Directory(directory) => read_shards(directory),
        Checkpoint::Gguf(file) => read_gguf(file),
    }
}

/// Arrays like those of [`read`], for which no more than headers is read. Those of safetensors files are lazy and
/// may be looked at, those of a GGUF file may not.
pub(crate) fn outline(checkpoint: &Checkpoint) -> Result<Arrays> {
    match checkpoint {
        Checkpoint::Directory(directory) => read_shards(directory),
        Checkpoint::Gguf(file) => outline_gguf(file),
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
        let shape = dims(&shape);
        match data {
            Data::Affine(packed) => insert_packed(&mut all, name, &shape, &packed)?,
            Data::F32(values) => insert(&mut all, name, Array::from_slice(&values, shape)?),
            Data::F16(values) => insert(&mut all, name, Array::from_slice(&values, shape)?),
            Data::Bf16(values) => insert(&mut all, name, Array::from_slice(&values, shape)?),
        }
    }
    Ok(all)
}

/// Zeros that are never computed. Scales and biases become what the model computes in, so their type is any.
fn outline_gguf(file: &Gguf) -> Result<Arrays> {
    let mut all = Arrays::new();
    for name in file.tensors() {
        let Some(info) = file.tensor(name) else { continue };
        let shape = dims(&info.shape);
        let dtype = match info.format.layout() {
            Layout::F32 => Dtype::Float32,
            Layout::F16 => Dtype::Float16,
            Layout::Bf16 => Dtype::Bfloat16,
            Layout::Affine { bits, group_size } => {
                let Some(packed) = Packed::new(name, &shape, bits, group_size) else { continue };
                let scales = Array::zeros(&packed.groups, Dtype::Float16)?;
                packed.insert(&mut all, Array::zeros(&packed.words, Dtype::Uint32)?, scales.clone(), scales);
                continue;
            }
        };
        insert(&mut all, name, Array::zeros(shape, dtype)?);
    }
    Ok(all)
}

/// The formats of a file's tensors, each once: `GGUF Q4_K, Q6_K, F32`.
pub(crate) fn formats(file: &Gguf) -> String {
    let formats = file.tensors().filter_map(|name| Some(format!("{:?}", file.tensor(name)?.format)));
    let formats: BTreeSet<_> = formats.collect();
    format!("GGUF {}", formats.into_iter().collect::<Vec<_>>().join(", "))
}

fn dims(shape: &[usize]) -> Vec<i32> {
    shape.iter().map(|&n| i32::try_from(n).unwrap_or(i32::MAX)).collect()
}

fn insert(all: &mut Arrays, name: &str, array: Array) {
    all.insert(name.to_owned(), array);
}

/// The three arrays that MLX's checkpoints have for a quantized tensor.
struct Packed<'n> {
    path: &'n str,
    words: Vec<i32>,
    groups: Vec<i32>,
}

impl<'n> Packed<'n> {
    /// The shapes for a tensor of `shape`; none for one without dimensions.
    fn new(name: &'n str, shape: &[i32], bits: u8, group_size: usize) -> Option<Self> {
        let (&columns, rows) = shape.split_last()?;
        let group_size = i32::try_from(group_size).unwrap_or(i32::MAX);
        let with_columns = |columns: i32| [rows, &[columns]].concat();
        Some(Self {
            path: name.strip_suffix(".weight").unwrap_or(name),
            words: with_columns(columns / 32 * i32::from(bits)),
            groups: with_columns(columns / group_size.max(1)),
        })
    }

    fn insert(&self, all: &mut Arrays, weight: Array, scales: Array, biases: Array) {
        for (part, array) in [("weight", weight), ("scales", scales), ("biases", biases)] {
            insert(all, &format!("{}.{part}", self.path), array);
        }
    }
}

/// Adds a quantized tensor.
fn insert_packed(all: &mut Arrays, name: &str, shape: &[i32], data: &gguf::Affine) -> Result<()> {
    let Some(packed) = Packed::new(name, shape, data.bits, data.group_size) else { return Ok(()) };
    let weight = Array::from_slice(&data.weight, &packed.words)?;
    let (scales, biases) = (floats(&data.scales, &packed.groups)?, floats(&data.biases, &packed.groups)?);
    packed.insert(all, weight, scales, biases);
    Ok(())
}

fn floats(values: &Floats, shape: &[i32]) -> Result<Array> {
    Ok(match values {
        Floats::F16(values) => Array::from_slice(values, shape)?,
        Floats::F32(values) => Array::from_slice(values, shape)?,
    })
}
