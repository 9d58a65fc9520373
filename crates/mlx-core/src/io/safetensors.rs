//! Reading and writing safetensors.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::file::{self, Bytes, READER, WRITER, about};
use super::tensor_header;
use crate::ffi::source::Source;
use crate::{Array, Dtype, Result, ffi};

/// What a safetensors file holds.
#[derive(Debug)]
pub struct Safetensors {
    /// The arrays by name.
    pub arrays: BTreeMap<String, Array>,
    /// Free text by name.
    pub metadata: BTreeMap<String, String>,
}

/// Opens a file. Each array is read when it is first used, so the file has to stay as it is until then: what
/// cannot be read any more is zeros, and an error of the `eval` that read it.
///
/// # Errors
/// The file is missing, is no safetensors file, or its header does not fit its data.
#[track_caller]
pub fn load_safetensors(path: impl AsRef<Path>) -> Result<Safetensors> {
    let path = path.as_ref();
    let opened = Bytes::of_file(path, |mut file, length| tensor_header::read(&mut file, length));
    let (head, bytes) = about("load_safetensors", path.display(), opened)?;
    read(head, bytes)
}

/// Reads what follows in `reader`, up to its end. Each array is read when it is first used, on a thread of MLX's.
///
/// # Errors
/// As [`load_safetensors`]. A reader that fails or panics later is an error of the `eval` that read from it.
#[track_caller]
pub fn read_safetensors(reader: impl Read + Seek + Send + 'static) -> Result<Safetensors> {
    let opened = Bytes::of_reader(reader, |mut reader, length| tensor_header::read(&mut reader, length));
    let (head, bytes) = about("read_safetensors", READER, opened)?;
    read(head, bytes)
}

#[track_caller]
fn read(head: Vec<u8>, bytes: Bytes) -> Result<Safetensors> {
    let Bytes { name, data, start, length } = bytes;
    let taken = head.len() as u64;
    let (start, length) = (start.saturating_add(taken), length.saturating_sub(taken));
    let (mut arrays, metadata) = ffi::io::load_safetensors(Source { name, head, data, start, length })?;
    for array in arrays.values_mut().filter(|array| array.dtype() == Dtype::Bool) {
        *array = array.view(Dtype::Uint8)?.view(Dtype::Bool)?;
    }
    Ok(Safetensors { arrays, metadata })
}

/// Writes arrays and metadata to a new file beside `path`, then puts it in place.
///
/// # Errors
/// An array is `float64`, for which MLX's format has no name, two arrays have the same name, or the file
/// cannot be written. Whatever was at `path` is then still there.
#[track_caller]
pub fn save_safetensors<'a>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let path = path.as_ref();
    let arrays = about("save_safetensors", path.display(), checked(arrays))?;
    file::replace("save_safetensors", path, ".safetensors", |beside| {
        ffi::io::save_safetensors(beside, arrays, metadata)
    })
}

/// Writes arrays and metadata to `writer`.
///
/// # Errors
/// As [`save_safetensors`]; a part may then be written.
#[track_caller]
pub fn write_safetensors<'a>(
    mut writer: impl Write,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let arrays = about("write_safetensors", WRITER, checked(arrays))?;
    ffi::io::save_safetensors_to(&mut writer, arrays, metadata)?;
    about("write_safetensors", WRITER, writer.flush().map_err(|error| error.to_string()))
}

/// The arrays, unless the format cannot hold one.
fn checked<'a>(
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
) -> Result<Vec<(&'a str, &'a Array)>, String> {
    let arrays: Vec<_> = arrays.into_iter().collect();
    let mut names = BTreeSet::from(["__metadata__"]);
    for (name, array) in &arrays {
        if array.dtype() == Dtype::Float64 {
            return Err(format!("{name} is float64, which MLX does not write: convert it with astype"));
        }
        if !names.insert(name) {
            return Err(format!("the name {name} is taken"));
        }
    }
    Ok(arrays)
}
