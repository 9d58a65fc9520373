//! The header of a safetensors file, checked before MLX reads the file.
//!
//! MLX wraps lengths that are too large, takes negative ones, and allocates what a header asks for.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Read};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use crate::Dtype;

/// The header may not be longer than this; the format's own limit.
const LONGEST: u64 = 100_000_000;

/// The tensors of a file by name.
struct Header(BTreeMap<String, Tensor>);

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<i32>,
    data_offsets: [u64; 2],
}

/// The header of a safetensors file of `length` bytes, with the length before it, if nothing is wrong with it.
pub(super) fn read(reader: &mut impl Read, length: u64) -> Result<Vec<u8>, String> {
    let mut prefix = [0; 8];
    reader.read_exact(&mut prefix).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => format!("{length} bytes are too few for a safetensors file"),
        _ => error.to_string(),
    })?;
    let claimed = u64::from_le_bytes(prefix);
    let data = length.checked_sub(8).and_then(|rest| rest.checked_sub(claimed));
    let Some(data) = data.filter(|_| claimed <= LONGEST) else {
        return Err(format!("it claims a header of {claimed} bytes, and has {length} in all"));
    };
    let mut head = prefix.to_vec();
    reader.take(claimed).read_to_end(&mut head).map_err(|error| error.to_string())?;
    let text =
        head.get(8..).filter(|text| text.len() as u64 == claimed).ok_or("it ends within its header")?;
    let header: Header = serde_json::from_slice(text).map_err(|error| format!("its header: {error}"))?;
    header.check(data)?;
    Ok(head)
}

impl Header {
    /// Checks that each tensor has a type that MLX reads, as many bytes as its shape needs, all of them in the
    /// file, and none of them another's.
    fn check(&self, data: u64) -> Result<(), String> {
        let mut extents = Vec::new();
        for (name, tensor) in &self.0 {
            let [start, end] = tensor.extent(data).map_err(|why| format!("tensor {name}: {why}"))?;
            if start < end {
                extents.push((start, end, name));
            }
        }
        extents.sort_unstable();
        for pair in extents.windows(2) {
            if let [(_, end, first), (start, _, second)] = pair
                && start < end
            {
                return Err(format!("tensors {first} and {second} overlap"));
            }
        }
        Ok(())
    }
}

impl Tensor {
    fn extent(&self, data: u64) -> Result<[u64; 2], String> {
        let Self { dtype: name, shape, data_offsets: [start, end] } = self;
        let Some(dtype) = dtype(name) else { return Err(format!("MLX does not read dtype {name}")) };
        let Some(bytes) = dtype.bytes_of(shape) else { return Err(format!("shape {shape:?} is impossible")) };
        if end.checked_sub(*start) != u64::try_from(bytes).ok() {
            return Err(format!("{name} {shape:?} takes {bytes} bytes, not those from {start} to {end}"));
        }
        if *end > data {
            return Err(format!(
                "it lies at bytes {start} to {end} of {data}: the file is cut off or damaged"
            ));
        }
        Ok([*start, *end])
    }
}

/// The type of MLX's array for the format's name. Eight-bit floats come as bytes.
fn dtype(name: &str) -> Option<Dtype> {
    Some(match name {
        "BOOL" => Dtype::Bool,
        "U8" | "F8_E4M3" | "F8_E8M0" => Dtype::Uint8,
        "U16" => Dtype::Uint16,
        "U32" => Dtype::Uint32,
        "U64" => Dtype::Uint64,
        "I8" => Dtype::Int8,
        "I16" => Dtype::Int16,
        "I32" => Dtype::Int32,
        "I64" => Dtype::Int64,
        "F16" => Dtype::Float16,
        "F32" => Dtype::Float32,
        "BF16" => Dtype::Bfloat16,
        "C64" => Dtype::Complex64,
        _ => return None,
    })
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

/// Reads the entries one by one, to see a name that comes twice.
struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut tensors = BTreeMap::new();
        let mut has_metadata = false;
        while let Some(name) = map.next_key::<String>()? {
            let twice = if name == "__metadata__" {
                map.next_value::<Option<BTreeMap<String, String>>>()?;
                std::mem::replace(&mut has_metadata, true)
            } else {
                tensors.insert(name.clone(), map.next_value()?).is_some()
            };
            if twice {
                return Err(A::Error::custom(format!("{name} comes twice")));
            }
            if name.contains('\0') {
                return Err(A::Error::custom(format!("the name {name:?} holds a zero byte")));
            }
        }
        Ok(Header(tensors))
    }
}
