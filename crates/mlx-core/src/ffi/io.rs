//! Safetensors files, and the maps that C passes for them.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int};
use std::path::Path;

use mlx_sys as sys;

use super::stream::RawStream;
use super::{Handle, call, string};
use crate::{Array, Device, Error, Kind, Result};

/// Arrays by name, and the file's metadata.
pub(crate) type Tensors = (BTreeMap<String, Array>, BTreeMap<String, String>);

/// Reads a file lazily: each array is read when it is evaluated. MLX does that on the CPU.
#[track_caller]
pub(crate) fn load_safetensors(path: &Path) -> Result<Tensors> {
    let file = string::terminated("load_safetensors", text(path)?)?;
    let stream = RawStream::default_of(Device::Cpu)?;
    let (mut arrays, mut strings) = (Arrays::empty(), Strings::empty());
    call::status("load_safetensors", || {
        // SAFETY: fills two maps that are owned here; the path is terminated and the stream live.
        unsafe {
            sys::mlx_load_safetensors(&raw mut arrays.0, &raw mut strings.0, file.as_ptr(), stream.raw())
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
    let file = string::terminated("save_safetensors", text(path)?)?;
    let (map, strings) = (Arrays::new(arrays)?, Strings::new(metadata)?);
    // SAFETY: live maps and a terminated path.
    call::status("save_safetensors", || unsafe { sys::mlx_save_safetensors(file.as_ptr(), map.0, strings.0) })
}

#[track_caller]
fn text(path: &Path) -> Result<&str> {
    match path.to_str() {
        Some(text) => Ok(text),
        None => Err(Error::new(Kind::Io, "safetensors", format!("{path:?} is not UTF-8"))),
    }
}

struct Arrays(sys::mlx_map_string_to_array);

impl Arrays {
    fn empty() -> Self {
        Self(sys::mlx_map_string_to_array { ctx: std::ptr::null_mut() })
    }

    #[track_caller]
    fn new<'a>(arrays: impl IntoIterator<Item = (&'a str, &'a Array)>) -> Result<Self> {
        call::prepare();
        // SAFETY: an empty map, owned by the result.
        let map = Self(unsafe { sys::mlx_map_string_to_array_new() });
        for (name, array) in arrays {
            let key = string::terminated("save_safetensors", name)?;
            call::status("save_safetensors", || {
                // SAFETY: C copies the key and the handle, both live.
                unsafe { sys::mlx_map_string_to_array_insert(map.0, key.as_ptr(), array.raw()) }
            })?;
        }
        Ok(map)
    }

    #[track_caller]
    fn read(&self) -> Result<BTreeMap<String, Array>> {
        let mut out = BTreeMap::new();
        // SAFETY: the iterator is used while the map lives, and freed below; C writes a key that points into
        // the map and a handle that `value` owns.
        let status = unsafe {
            let iterator = sys::mlx_map_string_to_array_iterator_new(self.0);
            let status = loop {
                let (mut key, mut value) = (std::ptr::null(), Handle::empty());
                match sys::mlx_map_string_to_array_iterator_next(&raw mut key, value.as_mut_ptr(), iterator) {
                    0 => out.insert(owned(key), Array::from_handle(value)),
                    status => break status,
                };
            };
            sys::mlx_map_string_to_array_iterator_free(iterator);
            status
        };
        at_end(status)?;
        Ok(out)
    }
}

impl Drop for Arrays {
    fn drop(&mut self) {
        // SAFETY: owned, freed once; an empty one is allowed.
        unsafe { sys::mlx_map_string_to_array_free(self.0) };
    }
}

struct Strings(sys::mlx_map_string_to_string);

impl Strings {
    fn empty() -> Self {
        Self(sys::mlx_map_string_to_string { ctx: std::ptr::null_mut() })
    }

    #[track_caller]
    fn new(strings: &BTreeMap<String, String>) -> Result<Self> {
        call::prepare();
        // SAFETY: an empty map, owned by the result.
        let map = Self(unsafe { sys::mlx_map_string_to_string_new() });
        for (name, value) in strings {
            let key = string::terminated("save_safetensors", name)?;
            let value = string::terminated("save_safetensors", value)?;
            call::status("save_safetensors", || {
                // SAFETY: C copies both terminated strings.
                unsafe { sys::mlx_map_string_to_string_insert(map.0, key.as_ptr(), value.as_ptr()) }
            })?;
        }
        Ok(map)
    }

    #[track_caller]
    fn read(&self) -> Result<BTreeMap<String, String>> {
        let mut out = BTreeMap::new();
        // SAFETY: the iterator is used while the map lives, and freed below; key and value point into the map.
        let status = unsafe {
            let iterator = sys::mlx_map_string_to_string_iterator_new(self.0);
            let status = loop {
                let (mut key, mut value) = (std::ptr::null(), std::ptr::null());
                match sys::mlx_map_string_to_string_iterator_next(&raw mut key, &raw mut value, iterator) {
                    0 => out.insert(owned(key), owned(value)),
                    status => break status,
                };
            };
            sys::mlx_map_string_to_string_iterator_free(iterator);
            status
        };
        at_end(status)?;
        Ok(out)
    }
}

impl Drop for Strings {
    fn drop(&mut self) {
        // SAFETY: owned, freed once; an empty one is allowed.
        unsafe { sys::mlx_map_string_to_string_free(self.0) };
    }
}

/// Whether an iterator stopped because nothing was left, which C says by 2.
#[track_caller]
fn at_end(status: c_int) -> Result<()> {
    call::status("load_safetensors", || if status == 2 { 0 } else { status })
}

/// A copy of C's terminated string.
///
/// # Safety
/// `text` must be null or point to a terminated string.
unsafe fn owned(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and terminated by this function's contract.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_of_printf_in_the_name_of_a_file_are_only_text() {
        let error = load_safetensors(Path::new("none/100%s%n%s%s%n.safetensors")).unwrap_err();
        assert_eq!(error.message(), "[load_safetensors] Failed to open file none/100%s%n%s%s%n.safetensors");
    }
}
