//! Files of any format, by their names.

use std::collections::BTreeMap;

use mlx_core::io::{Compression, Loaded, load, save_gguf, save_npy, save_npz, save_safetensors};
use mlx_core::{Array, Kind};

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
