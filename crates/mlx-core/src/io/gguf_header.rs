//! What a GGUF file says of itself, checked before MLX reads it.
//!
//! MLX reads the file through a memory map and trusts its lengths, its alignment and its types. Format: `gguf.md` in
//! ggml's documentation.

use std::collections::BTreeSet;
use std::io::Read;

use crate::Dtype;

/// The most axes that MLX's reader keeps.
const MOST_AXES: u32 = 8;

/// The names in a file that MLX reads right.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Header {
    pub(super) keys: BTreeSet<String>,
    pub(super) tensors: BTreeSet<String>,
}

/// A tensor's bytes after the header.
struct Extent {
    name: String,
    offset: u64,
    bytes: u64,
}

impl Header {
    /// Reads the header of a file of `length` bytes.
    pub(super) fn read(reader: &mut dyn Read, length: u64) -> Result<Self, String> {
        let mut file = File { reader, at: 0, length };
        if file.array()? != *b"GGUF" {
            return Err("it does not begin as a GGUF file does".to_owned());
        }
        let version = file.u32()?;
        if !matches!(version, 2 | 3) {
            return Err(format!("GGUF version {version} is not known: 2 and 3 are"));
        }
        let (tensors, keys) = (file.u64()?, file.u64()?);
        let (mut header, mut alignment, mut extents) = (Self::default(), 32, Vec::new());
        for _ in 0..keys {
            let name = file.string()?;
            let aligned = file.value(&name).map_err(|why| format!("the value of {name}: {why}"))?;
            alignment = aligned.unwrap_or(alignment);
            if !header.keys.insert(name.clone()) {
                return Err(format!("the key {name} comes twice"));
            }
        }
        for _ in 0..tensors {
            let name = file.string()?;
            let extent = file.tensor(name.clone()).map_err(|why| format!("tensor {name}: {why}"))?;
            if !header.tensors.insert(name) {
                return Err(format!("tensor {} comes twice", extent.name));
            }
            extents.push(extent);
        }
        let begin = file.at.next_multiple_of(u64::from(alignment));
        for extent in extents {
            extent.check(begin, alignment, length)?;
        }
        Ok(header)
    }
}

impl Extent {
    fn check(&self, begin: u64, alignment: u32, length: u64) -> Result<(), String> {
        let Self { name, offset, bytes } = self;
        if !offset.is_multiple_of(u64::from(alignment)) {
            return Err(format!("tensor {name} begins at {offset}, which is no multiple of {alignment}"));
        }
        let end = begin.checked_add(*offset).and_then(|start| start.checked_add(*bytes));
        if end.is_none_or(|end| end > length) {
            return Err(format!(
                "tensor {name} takes {bytes} bytes from {offset} on: the file is cut off or damaged"
            ));
        }
        Ok(())
    }
}

/// A file, and how much of it is read.
struct File<'a> {
    reader: &'a mut dyn Read,
    at: u64,
    length: u64,
}

impl File<'_> {
    /// Counts `n` bytes as read, if the file has them.
    fn advance(&mut self, n: u64) -> Result<(), String> {
        match self.at.checked_add(n).filter(|&end| end <= self.length) {
            Some(end) => {
                self.at = end;
                Ok(())
            }
            None => Err(format!("{n} bytes at {} of {}: it is cut off or damaged", self.at, self.length)),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.advance(N as u64)?;
        self.reader.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    fn bytes(&mut self, n: u64) -> Result<Vec<u8>, String> {
        self.advance(n)?;
        let mut bytes = Vec::new();
        (&mut *self.reader).take(n).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if bytes.len() as u64 == n { Ok(bytes) } else { Err("it ends within its header".to_owned()) }
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }

    /// A text that C can pass on.
    fn string(&mut self) -> Result<String, String> {
        let length = self.u64()?;
        match String::from_utf8(self.bytes(length)?) {
            Ok(text) if text.contains('\0') => Err(format!("{text:?} holds a zero byte")),
            Ok(text) => Ok(text),
            Err(_) => Err("a text is not UTF-8".to_owned()),
        }
    }

    /// Reads the value of a key; gives it if it is the alignment of the file.
    fn value(&mut self, name: &str) -> Result<Option<u32>, String> {
        let kind = self.u32()?;
        if kind == 4 && name == "general.alignment" {
            let alignment = self.u32()?;
            let fits = alignment.is_power_of_two() && alignment >= 8;
            return if fits { Ok(Some(alignment)) } else { Err(format!("{alignment} is no alignment")) };
        }
        match kind {
            8 => drop(self.string()?),
            9 => self.list()?,
            _ => self.numbers(kind, 1)?,
        }
        Ok(None)
    }

    fn list(&mut self) -> Result<(), String> {
        let (kind, length) = (self.u32()?, self.u64()?);
        if i32::try_from(length).is_err() {
            return Err(format!("{length} elements are too many"));
        }
        match kind {
            8 => (0..length).try_for_each(|_| self.string().map(drop)),
            9 => Err("lists of lists are not read by MLX".to_owned()),
            _ => self.numbers(kind, length),
        }
    }

    fn numbers(&mut self, kind: u32, count: u64) -> Result<(), String> {
        let size = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10 | 11 => 8,
            12 => return Err("float64 is misread by MLX".to_owned()),
            _ => return Err(format!("a value of kind {kind} is not known")),
        };
        let bytes = self.bytes(count.checked_mul(size).ok_or("too many elements")?)?;
        if kind == 7 && bytes.iter().any(|&byte| byte > 1) {
            return Err("a truth value is neither 0 nor 1".to_owned());
        }
        Ok(())
    }

    fn tensor(&mut self, name: String) -> Result<Extent, String> {
        let axes = self.u32()?;
        if axes > MOST_AXES {
            return Err(format!("{axes} axes are more than {MOST_AXES}"));
        }
        let mut shape = Vec::new();
        for _ in 0..axes {
            let length = self.u64()?;
            shape.push(i32::try_from(length).map_err(|_| format!("a length of {length} is too large"))?);
        }
        let kind = self.u32()?;
        let (items, size) = block(kind).ok_or_else(|| format!("MLX does not read ggml's type {kind}"))?;
        // The first length is that of the axis along which elements lie, and which blocks go along.
        if items > 1 && shape.first().is_none_or(|length| length % items != 0) {
            return Err(format!("{shape:?} is not filled by blocks of {items}"));
        }
        let elements =
            Dtype::Uint8.bytes_of(&shape).ok_or_else(|| format!("shape {shape:?} is impossible"))?;
        let bytes = (elements as u64 / items.unsigned_abs() as u64).checked_mul(size);
        let bytes = bytes.ok_or_else(|| format!("shape {shape:?} is impossible"))?;
        Ok(Extent { name, offset: self.u64()?, bytes })
    }
}

/// Elements and bytes of a block of ggml's type, if MLX reads it. Of `q2_k`, MLX's own table has less.
fn block(kind: u32) -> Option<(i32, u64)> {
    Some(match kind {
        0 | 26 => (1, 4),
        1 | 25 | 30 => (1, 2),
        2 => (32, 18),
        3 => (32, 20),
        8 => (32, 34),
        10 => (256, 84),
        12 => (256, 144),
        14 => (256, 210),
        24 => (1, 1),
        _ => return None,
    })
}
