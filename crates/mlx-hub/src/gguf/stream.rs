//! A GGUF file as a safetensors file, whose bytes are made when they are read.
//!
//! Who reads the tensors of such a file when they are needed need not have a model in memory twice, or at once.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use serde_json::{Map, json};

use super::checkpoint::Gguf;
use super::format::Layout;
use super::tensor::{Affine, Data, Floats, Tensor};

/// The tensors of a file as the bytes of a safetensors file, which are made when they are read.
///
/// A packed tensor is `….weight` of `U32`, `….scales` and `….biases` of `F32`, as [`Affine`] describes them.
#[derive(Debug)]
pub struct Stream {
    file: Arc<Gguf>,
    head: Vec<u8>,
    parts: Vec<Part>,
    position: u64,
    /// The tensor that was read last, with the bytes of its arrays.
    last: Option<(String, [Vec<u8>; 3])>,
}

/// The bytes of an array.
#[derive(Debug)]
struct Part {
    tensor: String,
    /// Which of the tensor's arrays this is.
    index: usize,
    start: u64,
    end: u64,
}

/// An array in the making: its name, type and shape.
type Described = (String, &'static str, Vec<usize>);

impl Stream {
    /// The tensors of `file` by their Hugging Face names.
    pub fn new(file: Arc<Gguf>) -> Self {
        let (mut header, mut parts, mut end) = (Map::new(), Vec::new(), 0);
        for tensor in file.tensors() {
            for (index, (name, dtype, shape)) in arrays(&file, tensor).into_iter().enumerate() {
                let width = if matches!(dtype, "F16" | "BF16") { 2 } else { 4 };
                let start = end;
                end = start + shape.iter().fold(width, |bytes, &length| bytes * length as u64);
                let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": [start, end]});
                header.insert(name, entry);
                parts.push(Part { tensor: tensor.to_owned(), index, start, end });
            }
        }
        let text = json!(header).to_string().into_bytes();
        let head = [&(text.len() as u64).to_le_bytes()[..], &text].concat();
        Self { file, head, parts, position: 0, last: None }
    }

    /// What follows at `place` of the data, up to the end of an array.
    fn data(&mut self, place: u64) -> io::Result<&[u8]> {
        let at = self.parts.partition_point(|part| part.end <= place);
        let Some(part) = self.parts.get(at) else { return Ok(&[]) };
        let bytes = match self.last.take().filter(|(tensor, _)| *tensor == part.tensor) {
            Some((_, bytes)) => bytes,
            None => bytes(self.file.load(&part.tensor).map_err(io::Error::other)?),
        };
        let (_, bytes) = self.last.insert((part.tensor.clone(), bytes));
        let from = usize::try_from(place - part.start).map_err(io::Error::other)?;
        let array = bytes.get(part.index).filter(|bytes| bytes.len() as u64 == part.end - part.start);
        let rest = array.and_then(|bytes| bytes.get(from..));
        rest.ok_or_else(|| io::Error::other(format!("{} is not as its header says", part.tensor)))
    }
}

/// The arrays that the tensor `name` becomes.
fn arrays(file: &Gguf, name: &str) -> Vec<Described> {
    let Some(info) = file.tensor(name) else { return Vec::new() };
    let whole = |dtype| vec![(name.to_owned(), dtype, info.shape.clone())];
    match info.format.layout() {
        Layout::F32 => whole("F32"),
        Layout::F16 => whole("F16"),
        Layout::Bf16 => whole("BF16"),
        Layout::Affine { bits, group_size } => {
            let path = name.strip_suffix(".weight").unwrap_or(name);
            let (rows, columns) = info.shape.split_at(info.shape.len().saturating_sub(1));
            let columns = columns.first().copied().unwrap_or_default();
            let of_columns = |columns: usize| [rows, &[columns]].concat();
            let groups = of_columns(columns / group_size.max(1));
            vec![
                (format!("{path}.weight"), "U32", of_columns(columns / 32 * usize::from(bits))),
                (format!("{path}.scales"), "F32", groups.clone()),
                (format!("{path}.biases"), "F32", groups),
            ]
        }
    }
}

/// The bytes of the arrays that a tensor becomes.
fn bytes(tensor: Tensor) -> [Vec<u8>; 3] {
    match tensor.data {
        Data::F32(values) => [flat(&values, |value| value.to_le_bytes()), Vec::new(), Vec::new()],
        Data::F16(values) => [flat(&values, |value| value.to_le_bytes()), Vec::new(), Vec::new()],
        Data::Bf16(values) => [flat(&values, |value| value.to_le_bytes()), Vec::new(), Vec::new()],
        Data::Affine(Affine { weight, scales, biases, .. }) => {
            [flat(&weight, |word| word.to_le_bytes()), floats(&scales), floats(&biases)]
        }
    }
}

/// Scales or biases as `float32`, whichever way they are held.
fn floats(values: &Floats) -> Vec<u8> {
    flat(&values.to_f32(), |value| value.to_le_bytes())
}

fn flat<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (position, head) = (self.position, self.head.len() as u64);
        let mut rest = match position.checked_sub(head) {
            Some(place) => self.data(place)?,
            None => usize::try_from(position).ok().and_then(|at| self.head.get(at..)).unwrap_or_default(),
        };
        let count = rest.read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Stream {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let length = self.head.len() as u64 + self.parts.last().map_or(0, |part| part.end);
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
