//! Safetensors and npy files.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use mlx_sys as sys;

use super::map::{Arrays, Strings};
use super::source::Source;
use super::{Handle, call, sink, string};
use crate::{Array, Device, Error, Kind, Result, stream};

/// Arrays by name, and the file's metadata.
pub(crate) type Tensors = (BTreeMap<String, Array>, BTreeMap<String, String>);

/// The array of an npy file, which is read when it is evaluated. MLX does that on the CPU.
#[track_caller]
pub(crate) fn load(source: Source) -> Result<Array> {
    let reader = source.into_reader("load_npy")?;
    let stream = stream::default_of(Device::Cpu)?;
    let mut out = Handle::empty();
    call::status("load_npy", || {
        // SAFETY: fills a handle that `out` owns; the reader and the stream are live.
        unsafe { sys::mlx_load_reader(out.as_mut_ptr(), reader.raw(), stream.raw()) }
    })?;
    let array = Array::from_handle(out);
    array.check_shape("load_npy")?;
    Ok(array)
}

/// The arrays of a safetensors file, each of which is read when it is evaluated, on the CPU.
#[track_caller]
pub(crate) fn load_safetensors(source: Source) -> Result<Tensors> {
    let reader = source.into_reader("load_safetensors")?;
    let stream = stream::default_of(Device::Cpu)?;
    let (mut arrays, mut strings) = (Arrays::empty(), Strings::empty());
    call::status("load_safetensors", || {
        let (arrays, strings) = (arrays.as_mut_ptr(), strings.as_mut_ptr());
        // SAFETY: fills two maps that are owned here; the reader and the stream are live.
        unsafe { sys::mlx_load_safetensors_reader(arrays, strings, reader.raw(), stream.raw()) }
    })?;
    Ok((arrays.read()?, strings.read()?))
}

/// Writes an npy file; MLX adds the ending to a name that lacks it.
#[track_caller]
pub(crate) fn save(path: &Path, array: &Array) -> Result<()> {
    let file = terminated("save_npy", path)?;
    // SAFETY: a terminated path and a live array.
    call::computed("save_npy", || unsafe { sys::mlx_save(file.as_ptr(), array.raw()) })
}

/// Writes an npy file to `writer`.
#[track_caller]
pub(crate) fn save_to(op: &'static str, writer: &mut dyn Write, array: &Array) -> Result<()> {
    // SAFETY: a live writer and a live array.
    sink::write(op, writer, |writer| unsafe { sys::mlx_save_writer(writer, array.raw()) })
}

/// Writes the arrays, computing them first, in place; MLX adds the ending to a name that lacks it.
#[track_caller]
pub(crate) fn save_safetensors<'a>(
    path: &Path,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let op = "save_safetensors";
    let file = terminated(op, path)?;
    let (map, strings) = (Arrays::new(op, arrays)?, Strings::new(op, metadata)?);
    call::computed(op, || {
        // SAFETY: live maps and a terminated path.
        unsafe { sys::mlx_save_safetensors(file.as_ptr(), map.raw(), strings.raw()) }
    })
}

/// Writes the arrays to `writer`.
#[track_caller]
pub(crate) fn save_safetensors_to<'a>(
    writer: &mut dyn Write,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let op = "write_safetensors";
    let (map, strings) = (Arrays::new(op, arrays)?, Strings::new(op, metadata)?);
    sink::write(op, writer, |writer| {
        // SAFETY: live maps and a live writer.
        unsafe { sys::mlx_save_safetensors_writer(writer, map.raw(), strings.raw()) }
    })
}

/// C's form of a path.
#[track_caller]
pub(super) fn terminated(op: &'static str, path: &Path) -> Result<std::ffi::CString> {
    match path.to_str() {
        Some(text) => string::terminated(op, text),
        None => Err(Error::new(Kind::Io, op, format!("{path:?} is not UTF-8"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, head: &[u8], data: Vec<u8>) -> Source {
        let length = data.len() as u64;
        Source { name: name.to_owned(), head: head.to_vec(), data: Box::new(data), start: 0, length }
    }

    #[test]
    fn directives_of_printf_in_the_name_of_a_file_are_only_text() {
        let error = load(source("none/100%s%n%s%s%n.npy", b"no such header", Vec::new())).unwrap_err();
        assert_eq!(error.message(), "Invalid header in none/100%s%n%s%s%n.npy");
    }

    #[test]
    fn a_head_that_ends_early_is_an_error() {
        assert!(load(source("x", b"\x93NUMPY\x01\0\xff\0{", Vec::new())).is_err());
        assert!(load(source("x", b"", Vec::new())).is_err());
    }

    #[test]
    fn data_that_the_head_asks_for_and_the_source_lacks_is_zeros_and_an_error() {
        let head = b"\x93NUMPY\x01\0\x38\0{'descr': '|u1', 'fortran_order': False, 'shape': (4, )}";
        let array = load(source("short", head, vec![7; 3])).unwrap();
        let error = array.eval().unwrap_err();
        assert_eq!(error.message(), "short: reading 4 bytes: a read outside the data was asked for");
        assert_eq!(array.to_vec::<u8>().unwrap(), [0; 4]);
    }
}
