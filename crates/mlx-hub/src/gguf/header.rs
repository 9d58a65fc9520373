//! The part of a GGUF file before its data: magic, version, metadata, tensor list.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;

use super::format::Format;
use super::reader::{Parsed, Reader};
use super::value::Value;

const MAGIC: [u8; 4] = *b"GGUF";
const MAX_DIMS: u32 = 4;
const DEFAULT_ALIGNMENT: u64 = 32;

/// Name length, dimension count, one dimension, type and offset: the least a tensor takes.
const MIN_TENSOR_BYTES: u64 = 8 + 4 + 8 + 4 + 8;

/// Key length, type and a one-byte value: the least a metadata entry takes.
const MIN_ENTRY_BYTES: u64 = 8 + 4 + 1;

/// Where a tensor lies in the file, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// The name in the file, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Row-major: the file's dimensions reversed.
    pub shape: Vec<usize>,
    /// The element type.
    pub format: Format,
    pub(super) offset: u64,
    pub(super) bytes: usize,
}

/// Everything that the header says, checked against the file's length.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) metadata: BTreeMap<String, Value>,
    pub(super) tensors: Vec<TensorInfo>,
}

impl Header {
    pub(super) fn read(input: impl Read, len: u64) -> Parsed<Self> {
        let mut reader = Reader::new(input, len);
        check_magic(&mut reader)?;
        check_version(reader.u32()?)?;
        let tensor_count = reader.count("a list of", "tensors", MIN_TENSOR_BYTES)?;
        let entry_count = reader.count("a list of", "metadata entries", MIN_ENTRY_BYTES)?;
        let metadata = read_metadata(&mut reader, entry_count)?;
        let mut tensors = read_tensors(&mut reader, tensor_count)?;
        place(&mut tensors, reader.position(), alignment(&metadata)?, len)?;
        Ok(Self { metadata, tensors })
    }
}

fn check_magic(reader: &mut Reader<impl Read>) -> Parsed<()> {
    match reader.array()? {
        MAGIC => Ok(()),
        other => Err(format!("not a GGUF file: it starts with `{}`", other.escape_ascii())),
    }
}

fn check_version(version: u32) -> Parsed<()> {
    match version {
        2 | 3 => Ok(()),
        _ if matches!(version.swap_bytes(), 1..=0xffff) => {
            Err("the file is big-endian: convert it to little-endian".into())
        }
        _ => Err(format!("GGUF version {version} is not supported: convert the file to version 3")),
    }
}

fn read_metadata(reader: &mut Reader<impl Read>, count: usize) -> Parsed<BTreeMap<String, Value>> {
    let mut metadata = BTreeMap::new();
    for index in 0..count {
        let key = reader.string().map_err(|problem| format!("key of metadata entry {index}: {problem}"))?;
        let value = Value::read(reader).map_err(|problem| format!("metadata `{key}`: {problem}"))?;
        if metadata.contains_key(&key) {
            return Err(format!("metadata `{key}` is there twice"));
        }
        metadata.insert(key, value);
    }
    Ok(metadata)
}

fn read_tensors(reader: &mut Reader<impl Read>, count: usize) -> Parsed<Vec<TensorInfo>> {
    let mut names = HashSet::new();
    let mut tensors = Vec::new();
    for index in 0..count {
        let name = reader.string().map_err(|problem| format!("name of tensor {index}: {problem}"))?;
        let tensor =
            read_tensor(reader, name.clone()).map_err(|problem| format!("tensor `{name}`: {problem}"))?;
        if !names.insert(name) {
            return Err(format!("tensor `{}` is there twice", tensor.name));
        }
        tensors.push(tensor);
    }
    Ok(tensors)
}

fn read_tensor(reader: &mut Reader<impl Read>, name: String) -> Parsed<TensorInfo> {
    let dims = reader.u32()?;
    if dims > MAX_DIMS {
        return Err(format!("{dims} dimensions, but the format allows {MAX_DIMS}"));
    }
    let dims = (0..dims).map(|_| reader.u64()).collect::<Parsed<Vec<_>>>()?;
    let format = Format::from_code(reader.u32()?)?;
    let bytes = byte_size(&dims, format)?;
    let shape = dims.iter().rev().map(|&dim| usize::try_from(dim)).collect::<Result<_, _>>();
    let shape = shape.map_err(|_| format!("dimensions {dims:?} are too large for this machine"))?;
    Ok(TensorInfo { name, shape, format, offset: reader.u64()?, bytes })
}

/// The bytes that a tensor takes; blocks lie along the first of the file's dimensions.
fn byte_size(dims: &[u64], format: Format) -> Parsed<usize> {
    let (weights, block) = format.block();
    if dims.contains(&0) {
        return Err(format!("dimensions {dims:?} hold a zero"));
    }
    let row = dims.first().copied().unwrap_or(1);
    if row % weights != 0 {
        return Err(format!("rows of {row} elements do not divide into {format:?} blocks of {weights}"));
    }
    let elements = dims.iter().try_fold(1, |product: u64, &dim| product.checked_mul(dim));
    let bytes = elements.and_then(|elements| (elements / weights).checked_mul(block));
    bytes
        .and_then(|bytes| usize::try_from(bytes).ok())
        .ok_or_else(|| format!("dimensions {dims:?} are too large for any file"))
}

fn alignment(metadata: &BTreeMap<String, Value>) -> Parsed<u64> {
    let Some(value) = metadata.get("general.alignment") else { return Ok(DEFAULT_ALIGNMENT) };
    value
        .as_u64()
        .filter(|alignment| alignment.is_power_of_two())
        .ok_or_else(|| format!("metadata `general.alignment` is {value:?}, not a power of two"))
}

/// Turns offsets into the data section into offsets into the file, all of them inside it.
fn place(tensors: &mut [TensorInfo], header_end: u64, alignment: u64, len: u64) -> Parsed<()> {
    let start = header_end.checked_next_multiple_of(alignment);
    for tensor in tensors {
        let name = &tensor.name;
        if !tensor.offset.is_multiple_of(alignment) {
            return Err(format!(
                "tensor `{name}` is at offset {}, not a multiple of {alignment}",
                tensor.offset
            ));
        }
        let offset = start.and_then(|start| start.checked_add(tensor.offset));
        let end = offset.and_then(|offset| offset.checked_add(tensor.bytes as u64));
        tensor.offset = offset.filter(|_| end.is_some_and(|end| end <= len)).ok_or_else(|| {
            let TensorInfo { offset, bytes, .. } = tensor;
            let place = format!("tensor `{name}` ({bytes} bytes at data offset {offset})");
            format!("{place} ends after the file ({len} bytes): it is truncated or damaged")
        })?;
    }
    Ok(())
}
