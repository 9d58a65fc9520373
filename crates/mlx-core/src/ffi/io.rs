//! Safetensors files.

use std::collections::BTreeMap;
use std::path::Path;

use mlx_sys as sys;

use super::map::{Arrays, Strings};
use super::{call, string};
use crate::{Array, Device, Error, Kind, Result, stream};

/// Arrays by name, and the file's metadata.
pub(crate) type Tensors = (BTreeMap<String, Array>, BTreeMap<String, String>);

/// Reads a file lazily: each array is read when it is evaluated. MLX does that on the CPU.
#[track_caller]
pub(crate) fn load_safetensors(path: &Path) -> Result<Tensors> {
    let file = string::terminated("load_safetensors", path_text(path)?)?;
    let stream = stream::default_of(Device::Cpu)?;
    let (mut arrays, mut strings) = (Arrays::empty(), Strings::empty());
    call::status("load_safetensors", || {
        // SAFETY: fills two maps that are owned here; the path is terminated and the stream live.
        unsafe {
            sys::mlx_load_safetensors(arrays.as_mut_ptr(), strings.as_mut_ptr(), file.as_ptr(), stream.raw())
        }
    })?;
    Ok((arrays.read()?, strings.read()?))
}

/// Writes the arrays, computing them first, in place.
#[track_caller]
pub(crate) fn save_safetensors<'a>(
    path: &Path,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let file = string::terminated("save_safetensors", path_text(path)?)?;
    let (map, strings) = (Arrays::new(arrays)?, Strings::new(metadata)?);
    call::status("save_safetensors", || {
        // SAFETY: live maps and a terminated path.
        unsafe { sys::mlx_save_safetensors(file.as_ptr(), map.raw(), strings.raw()) }
    })
}

/// The path as C takes it.
#[track_caller]
pub(super) fn path_text(path: &Path) -> Result<&str> {
    match path.to_str() {
        Some(text) => Ok(text),
        None => Err(Error::new(Kind::Io, "path", format!("{path:?} is not UTF-8"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_of_printf_in_the_name_of_a_file_are_only_text() {
        let error = load_safetensors(Path::new("none/100%s%n%s%s%n.safetensors")).unwrap_err();
        assert_eq!(error.message(), "Failed to open file none/100%s%n%s%s%n.safetensors");
    }
}
