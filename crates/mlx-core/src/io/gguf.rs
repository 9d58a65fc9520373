//! Reading and writing GGUF, ggml's format, by MLX's own reader and writer.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use tempfile::{NamedTempFile, TempPath};

use super::file::{self, READER, WRITER, about};
use super::gguf_header::Header;
use crate::ffi::gguf::RawGguf;
use crate::{Array, Dtype, Result};

/// What a GGUF file holds.
#[derive(Debug)]
pub struct Gguf {
    /// The arrays by name. Of a tensor in blocks of 4 or 8 bits, they are the packed matrix, and beside it
    /// `….scales` and `….biases`; of one in other blocks, its values as `float16`.
    pub arrays: BTreeMap<String, Array>,
    /// What the file says about itself.
    pub metadata: BTreeMap<String, GgufValue>,
}

/// A value in the metadata of a GGUF file.
#[derive(Clone, Debug)]
pub enum GgufValue {
    /// A number or a truth value, without axes, or a list of them, with one.
    Array(Array),
    /// A text.
    String(String),
    /// A list of texts.
    Strings(Vec<String>),
}

/// The longest texts that MLX's writer counts right.
const LONGEST: usize = i32::MAX as usize;

/// Reads a whole file. MLX maps what it reads and trusts it, so it gets a checked copy in the temporary folder.
///
/// # Errors
/// The file is missing, is no GGUF file, its lengths do not fit it, or it holds what MLX does not read right:
/// other block types than `q4_0`, `q4_1`, `q8_0`, `q2_k`, `q4_k` and `q6_k`, `float64` or nested metadata.
#[track_caller]
pub fn load_gguf(path: impl AsRef<Path>) -> Result<Gguf> {
    let path = path.as_ref();
    let copied = file::open(path).and_then(|(mut file, _)| copy(&mut file));
    read(about("load_gguf", path.display(), copied)?)
}

/// Reads what follows in `reader`, up to its end.
///
/// # Errors
/// As [`load_gguf`].
#[track_caller]
pub fn read_gguf(mut reader: impl Read) -> Result<Gguf> {
    read(about("read_gguf", READER, copy(&mut reader))?)
}

/// A checked copy that nobody else knows of.
fn copy(reader: &mut impl Read) -> Result<(TempPath, Header), String> {
    let text = |error: io::Error| error.to_string();
    let mut file = NamedTempFile::new().map_err(text)?;
    let length = io::copy(reader, &mut file).map_err(text)?;
    let path = file.into_temp_path();
    let header = Header::read(&mut BufReader::new(File::open(&path).map_err(text)?), length)?;
    Ok((path, header))
}

#[track_caller]
fn read((path, header): (TempPath, Header)) -> Result<Gguf> {
    let raw = RawGguf::load(&path)?;
    let mut metadata = BTreeMap::new();
    for key in header.keys {
        let value = raw.value(&key)?;
        metadata.insert(key, value);
    }
    Ok(Gguf { arrays: raw.arrays()?, metadata })
}

/// Writes arrays and metadata to a new file beside `path`, then puts it in place.
///
/// # Errors
/// An array is none of `float32`, `float16`, `int8`, `int16` and `int32` or has more than 8 axes, two have the
/// same name, a value in the metadata has several axes, no element or fractions of another type than `float32`, or
/// the file cannot be written. Whatever was at `path` is then still there.
#[track_caller]
pub fn save_gguf<'a>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &BTreeMap<String, GgufValue>,
) -> Result<()> {
    let path = path.as_ref();
    let arrays = about("save_gguf", path.display(), checked(arrays, metadata))?;
    file::replace("save_gguf", path, ".gguf", |beside| {
        write(beside, &arrays, metadata)?;
        about("save_gguf", path.display(), verify(beside, arrays.len(), metadata.len()))
    })
}

/// Writes arrays and metadata to `writer`, after a file in the temporary folder.
///
/// # Errors
/// As [`save_gguf`]; a part may then be written.
#[track_caller]
pub fn write_gguf<'a>(
    mut writer: impl Write,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &BTreeMap<String, GgufValue>,
) -> Result<()> {
    let arrays = about("write_gguf", WRITER, checked(arrays, metadata))?;
    let folder = about("write_gguf", WRITER, tempfile::tempdir().map_err(|error| error.to_string()))?;
    let path = folder.path().join("x.gguf");
    write(&path, &arrays, metadata)?;
    about("write_gguf", WRITER, verify(&path, arrays.len(), metadata.len()))?;
    let copied = File::open(&path).and_then(|mut file| io::copy(&mut file, &mut writer));
    let flushed = copied.and_then(|_| writer.flush()).map_err(|error| error.to_string());
    about("write_gguf", WRITER, flushed)
}

#[track_caller]
fn write(path: &Path, arrays: &Arrays<'_>, metadata: &BTreeMap<String, GgufValue>) -> Result<()> {
    let raw = RawGguf::new()?;
    for (name, array) in arrays {
        raw.set_array(name, array)?;
    }
    for (name, value) in metadata {
        raw.set_value(name, value)?;
    }
    raw.save(path)
}

/// The arrays to write, by name.
type Arrays<'a> = BTreeMap<&'a str, &'a Array>;

/// The arrays by name, unless MLX would write something else than what is given.
fn checked<'a>(
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &BTreeMap<String, GgufValue>,
) -> Result<Arrays<'a>, String> {
    let mut named = BTreeMap::new();
    for (name, array) in arrays {
        if !matches!(
            array.dtype(),
            Dtype::Float32 | Dtype::Float16 | Dtype::Int8 | Dtype::Int16 | Dtype::Int32
        ) {
            return Err(format!(
                "{name} is {}, which MLX does not write: convert it with astype",
                array.dtype()
            ));
        }
        if array.ndim() > 8 {
            return Err(format!("{name} has {} axes, more than 8", array.ndim()));
        }
        if named.insert(name, array).is_some() {
            return Err(format!("the name {name} is taken"));
        }
    }
    for (name, value) in metadata {
        let bytes = match value {
            GgufValue::Array(_) => 0,
            GgufValue::String(text) => text.len(),
            GgufValue::Strings(list) => list.iter().map(|text| text.len().saturating_add(8)).sum(),
        };
        if bytes.saturating_add(12) > LONGEST {
            return Err(format!("the text of {name} is longer than {LONGEST} bytes"));
        }
        if name == "general.alignment" {
            return Err(format!("{name} is not ours to choose: MLX writes with an alignment of 32"));
        }
    }
    Ok(named)
}

/// Whether all of it was written, which MLX does not see for itself.
fn verify(path: &Path, tensors: usize, keys: usize) -> Result<(), String> {
    let length = fs::metadata(path).map_err(|error| error.to_string())?.len();
    let file = File::open(path).map_err(|error| error.to_string())?;
    let written = Header::read(&mut BufReader::new(file), length)?;
    let whole = written.tensors.len() == tensors && written.keys.len() == keys;
    if whole { Ok(()) } else { Err("not all of it could be written".to_owned()) }
}
