//! Reading and writing safetensors.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::{Array, Error, Kind, Result, ffi};

/// The header may not be longer than this; the format's own limit.
const LONGEST_HEADER: u64 = 100_000_000;

/// What a safetensors file holds.
#[derive(Debug)]
pub struct Safetensors {
    /// The arrays by name.
    pub arrays: BTreeMap<String, Array>,
    /// Free text by name.
    pub metadata: BTreeMap<String, String>,
}

/// Opens a file. Each array is read when it is first used.
///
/// # Errors
/// The file is missing, is no safetensors file, or is shorter than its header says.
#[track_caller]
pub fn load_safetensors(path: impl AsRef<Path>) -> Result<Safetensors> {
    let path = path.as_ref();
    check(path).map_err(|why| failed("load_safetensors", path, &why))?;
    let (arrays, mut metadata) = ffi::io::load_safetensors(path)?;
    metadata.remove("format");
    Ok(Safetensors { arrays, metadata })
}

/// Writes arrays and metadata to a new file beside `path`, then puts it in place.
#[track_caller]
pub fn save_safetensors<'a>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let path = path.as_ref();
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let fail = |why: std::io::Error| failed("save_safetensors", path, &why.to_string());
    let beside = tempfile::Builder::new().suffix(".safetensors").tempfile_in(folder).map_err(fail)?;
    let beside = beside.into_temp_path();
    ffi::io::save_safetensors(&beside, arrays, metadata)?;
    beside.persist(path).map_err(|e| fail(e.error))
}

#[track_caller]
fn failed(op: &'static str, path: &Path, why: &str) -> Error {
    Error::new(Kind::Io, op, format!("{}: {why}", path.display()))
}

/// Checks the header against the file before MLX reads it, which allocates what the header asks for.
fn check(path: &Path) -> Result<(), String> {
    let mut file = File::open(path).map_err(|e| e.to_string())?;
    let file_length = file.metadata().map_err(|e| e.to_string())?.len();
    let mut prefix = [0; 8];
    file.read_exact(&mut prefix).map_err(|_| format!("{file_length} bytes are too few for safetensors"))?;
    let header_length = u64::from_le_bytes(prefix);
    if header_length > LONGEST_HEADER || header_length > file_length.saturating_sub(8) {
        return Err(format!("the header claims {header_length} bytes of a file of {file_length}"));
    }
    let mut header = Vec::new();
    file.take(header_length).read_to_end(&mut header).map_err(|e| e.to_string())?;
    let header: Value =
        serde_json::from_slice(&header).map_err(|e| format!("the header is not JSON: {e}"))?;
    check_extents(&header, file_length - 8 - header_length)
}

/// Checks that each tensor lies inside the data.
fn check_extents(header: &Value, data_length: u64) -> Result<(), String> {
    let tensors = header.as_object().ok_or("the header is not an object")?;
    for (name, tensor) in tensors.iter().filter(|(name, _)| *name != "__metadata__") {
        let offsets = tensor.get("data_offsets").and_then(Value::as_array).map(Vec::as_slice);
        let Some([start, end]) = offsets else { return Err(format!("tensor {name} has no data_offsets")) };
        match (start.as_u64(), end.as_u64()) {
            (Some(start), Some(end)) if start <= end && end <= data_length => {}
            _ => {
                return Err(format!(
                    "tensor {name} lies at bytes {start} to {end} of {data_length}: the file is cut off or damaged"
                ));
            }
        }
    }
    Ok(())
}
