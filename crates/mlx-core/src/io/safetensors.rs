//! Reading and writing safetensors.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::header;
use crate::{Array, Dtype, Error, Kind, Result, ffi};

/// What a safetensors file holds.
#[derive(Debug)]
pub struct Safetensors {
    /// The arrays by name.
    pub arrays: BTreeMap<String, Array>,
    /// Free text by name.
    pub metadata: BTreeMap<String, String>,
}

/// Opens a file. Each array is read when it is first used, so the file has to stay as it is until then.
///
/// # Errors
/// The file is missing, is no safetensors file, or its header does not fit its data.
#[track_caller]
pub fn load_safetensors(path: impl AsRef<Path>) -> Result<Safetensors> {
    let path = path.as_ref();
    if let Err(why) = header::check(path) {
        return Err(failed("load_safetensors", path, &why));
    }
    let (mut arrays, metadata) = ffi::io::load_safetensors(path)?;
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
    let arrays: Vec<_> = arrays.into_iter().collect();
    if let Err(why) = check(&arrays) {
        return Err(failed("save_safetensors", path, &why));
    }
    let beside = match new_file_beside(path) {
        Ok(beside) => beside,
        Err(error) => return Err(failed("save_safetensors", path, &error.to_string())),
    };
    ffi::io::save_safetensors(&beside, arrays, metadata)?;
    match beside.persist(path) {
        Ok(()) => Ok(()),
        Err(refused) => Err(failed("save_safetensors", path, &refused.error.to_string())),
    }
}

/// Says which array the format cannot hold, if there is one.
fn check(arrays: &[(&str, &Array)]) -> Result<(), String> {
    let mut names = BTreeSet::from(["__metadata__"]);
    for (name, array) in arrays {
        if array.dtype() == Dtype::Float64 {
            return Err(format!("{name} is float64, which MLX does not write: convert it with astype"));
        }
        if !names.insert(name) {
            return Err(format!("the name {name} is taken"));
        }
    }
    Ok(())
}

/// A file that goes away unless it is put in place, with the mode that the process gives to new files.
fn new_file_beside(path: &Path) -> std::io::Result<tempfile::TempPath> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    let file =
        builder.suffix(".safetensors").permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
    Ok(file.into_temp_path())
}

#[track_caller]
fn failed(op: &'static str, path: &Path, why: &str) -> Error {
    Error::new(Kind::Io, op, format!("{}: {why}", path.display()))
}
