//! Safetensors in several files with an index.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mlx_core::io::{load_sharded, save_sharded};
use mlx_core::{Array, Dtype, Kind};

const INDEX: &str = "model.safetensors.index.json";

fn arrays() -> Vec<(&'static str, Array)> {
    let of = |n: i32| Array::full([n], n, Dtype::Uint8).unwrap();
    vec![("a", of(60)), ("b", of(50)), ("c", of(200)), ("d", of(10)), ("e", of(90)), ("none", of(0))]
}

fn save(folder: &Path, most: usize) -> Vec<String> {
    let arrays = arrays();
    let metadata = BTreeMap::from([("format".to_owned(), "mlx".to_owned())]);
    save_sharded(folder, arrays.iter().map(|(name, array)| (*name, array)), &metadata, most).unwrap()
}

#[test]
fn arrays_are_split_in_order_by_their_bytes_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let names = save(folder.path(), 110);
    assert_eq!(names.len(), 3);
    assert_eq!(names[0], "model-00001-of-00003.safetensors");
    let text = fs::read_to_string(folder.path().join(INDEX)).unwrap();
    let index: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(index["metadata"]["total_size"], 410);
    let places = ["a", "b", "c", "d", "e", "none"].map(|key| index["weight_map"][key].as_str().unwrap());
    assert_eq!(places, [&names[0], &names[0], &names[1], &names[2], &names[2], &names[2]]);
    let loaded = load_sharded(folder.path().join(INDEX)).unwrap();
    assert_eq!(loaded.metadata["format"], "mlx");
    assert_eq!(loaded.arrays.len(), 6);
    for (name, array) in arrays() {
        assert_eq!(loaded.arrays[name].to_vec::<u8>().unwrap(), array.to_vec::<u8>().unwrap());
    }
}

#[test]
fn one_file_has_the_plain_name_and_an_index_too() {
    for most in [410, usize::MAX] {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(save(folder.path(), most), ["model.safetensors"]);
        assert_eq!(load_sharded(folder.path().join(INDEX)).unwrap().arrays.len(), 6);
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(save_sharded(folder.path(), [], &BTreeMap::new(), 0).unwrap(), ["model.safetensors"]);
    assert!(load_sharded(folder.path().join(INDEX)).unwrap().arrays.is_empty());
}

#[test]
fn a_limit_below_every_array_gives_each_its_file() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(save(folder.path(), 0).len(), 6);
    assert_eq!(load_sharded(folder.path().join(INDEX)).unwrap().arrays.len(), 6);
}

#[test]
fn an_index_that_leads_out_of_its_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(INDEX);
    for name in ["../x.safetensors", "/etc/passwd", "a/b.safetensors", "", ".", "..", "x/"] {
        fs::write(&path, format!(r#"{{"weight_map":{{"a":"{name}"}}}}"#)).unwrap();
        let error = load_sharded(&path).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Io, "load_sharded"));
        assert!(error.message().ends_with("is no name of a file beside it"), "{error}");
    }
}

#[test]
fn an_index_without_its_files_or_arrays_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(INDEX);
    let [name] = &save(folder.path(), 1000)[..] else { panic!("one file") };
    let map = format!(r#"{{"weight_map":{{"a":"{name}","lost":"{name}","gone":"{name}"}}}}"#);
    fs::write(&path, map).unwrap();
    let error = load_sharded(&path).unwrap_err();
    assert!(error.message().ends_with(&format!("gone is not in {name}, lost is not in {name}")), "{error}");
    fs::write(&path, r#"{"weight_map":{"a":"none.safetensors"}}"#).unwrap();
    assert!(load_sharded(&path).unwrap_err().message().contains("none.safetensors"));
    for text in ["", "{}", "[]", r#"{"weight_map":[]}"#, r#"{"weight_map":{"a":1}}"#] {
        fs::write(&path, text).unwrap();
        assert_eq!(load_sharded(&path).unwrap_err().op(), "load_sharded", "{text}");
    }
}

#[test]
fn arrays_that_the_index_does_not_list_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(INDEX);
    save(folder.path(), 1000);
    fs::write(&path, r#"{"weight_map":{"b":"model.safetensors"}}"#).unwrap();
    assert_eq!(load_sharded(&path).unwrap().arrays.keys().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_name_that_comes_twice_keeps_the_old_index() {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), 1000);
    let before = fs::read(folder.path().join(INDEX)).unwrap();
    let x = Array::from([1, 2]);
    let error = save_sharded(folder.path(), [("x", &x), ("x", &x)], &BTreeMap::new(), 0).unwrap_err();
    assert!(error.message().ends_with("the name x is taken"), "{error}");
    assert_eq!(fs::read(folder.path().join(INDEX)).unwrap(), before);
    assert!(save_sharded(folder.path().join("none"), [("x", &x)], &BTreeMap::new(), 9).is_err());
}
