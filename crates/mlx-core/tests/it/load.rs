//! Files of any format, by their names.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Seek, SeekFrom, Write};

use mlx_core::io::*;
use mlx_core::{Array, Kind};

/// A writer that takes nothing.
struct Shut;

impl Write for Shut {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("shut"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::Error::other("shut"))
    }
}

impl Seek for Shut {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::Error::other("shut"))
    }
}

#[test]
fn errors_of_files_name_the_function_and_the_caller_s_line() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none/x.npz");
    let (x, text, values) = (Array::from([1.0]), BTreeMap::new(), BTreeMap::new());
    let given = || [("x", &x)];
    let nothing = || Cursor::new(Vec::new());
    let from = line!();
    let errors = [
        ("load_npz", load(&none).err()),
        ("load_npy", load_npy(&none).err()),
        ("read_npy", read_npy(nothing()).err()),
        ("save_npy", save_npy(&none, &x).err()),
        ("write_npy", write_npy(Shut, &x).err()),
        ("load_npz", load_npz(&none).err()),
        ("read_npz", read_npz(nothing()).err()),
        ("save_npz", save_npz(&none, given(), Compression::None).err()),
        ("write_npz", write_npz(Shut, given(), Compression::None).err()),
        ("load_safetensors", load_safetensors(&none).err()),
        ("read_safetensors", read_safetensors(nothing()).err()),
        ("save_safetensors", save_safetensors(&none, given(), &text).err()),
        ("write_safetensors", write_safetensors(Shut, given(), &text).err()),
        ("load_sharded", load_sharded(&none).err()),
        ("save_safetensors", save_sharded(&none, given(), &text, 1).err()),
        ("load_gguf", load_gguf(&none).err()),
        ("read_gguf", read_gguf(nothing()).err()),
        ("save_gguf", save_gguf(&none, given(), &values).err()),
        ("write_gguf", write_gguf(Shut, given(), &values).err()),
    ];
    for (op, error) in errors {
        let error = error.unwrap_or_else(|| panic!("{op} did not fail"));
        assert_eq!((error.kind(), error.op()), (Kind::Io, op), "{error}");
        assert_eq!(error.at().file(), file!(), "{error}");
        assert!(error.at().line() > from && !error.message().contains('\n'), "{error}");
    }
}

#[test]
fn a_file_is_loaded_by_the_ending_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let x = Array::from([1.0, 2.0]);
    save_npy(path("x.npy"), &x).unwrap();
    save_npz(path("x.npz"), [("x", &x)], Compression::None).unwrap();
    save_safetensors(path("x.safetensors"), [("x", &x)], &BTreeMap::new()).unwrap();
    save_gguf(path("x.gguf"), [("x", &x)], &BTreeMap::new()).unwrap();
    for name in ["x.npy", "x.npz", "x.safetensors", "x.gguf"] {
        let array = match load(path(name)).unwrap() {
            Loaded::Array(array) => array,
            Loaded::Arrays(mut arrays) => arrays.remove("x").unwrap(),
        };
        assert_eq!(array.to_vec::<f32>().unwrap(), [1.0, 2.0], "{name}");
    }
}

#[test]
fn another_ending_is_refused() {
    for name in ["x", "x.bin", "npy", "x.NPY"] {
        let error = load(name).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Io, "load"));
        let says = format!("{name}: its name ends neither in npy, npz, safetensors nor gguf");
        assert_eq!(error.message(), says);
    }
    assert_eq!(load("none.npy").unwrap_err().op(), "load_npy");
}
