//! Safetensors files: whole ones, damaged ones, and places that cannot be written.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mlx_core::io::{load_safetensors, save_safetensors};
use mlx_core::{Array, Complex64, Dtype, Kind};

use crate::values::on_cpu;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A file with this header and `data` bytes of zeros.
fn written(folder: &Path, header: &str, data: usize) -> PathBuf {
    let path = folder.join("x.safetensors");
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    fs::write(&path, bytes).unwrap();
    path
}

/// What loading `path` says is wrong.
#[track_caller]
fn refused(path: &Path) -> String {
    let error = load_safetensors(path).unwrap_err();
    assert_eq!((error.kind(), error.op()), (Kind::Io, "load_safetensors"), "{error}");
    let (named, why) = error.message().split_once(": ").unwrap();
    assert_eq!(named, path.display().to_string());
    why.to_owned()
}

#[test]
fn every_dtype_and_the_metadata_come_back() {
    let folder = folder();
    let path = folder.path().join("all.safetensors");
    let x = Array::from([[0.0, 1.0, 2.0], [3.0, 100.0, 5.0]]);
    let dtypes = Dtype::ALL.into_iter().filter(|&dtype| dtype != Dtype::Float64);
    let mut arrays: BTreeMap<String, Array> =
        dtypes.map(|dtype| (dtype.name().to_owned(), x.astype(dtype).unwrap())).collect();
    arrays.insert("transposed".to_owned(), x.t().unwrap());
    arrays.insert("one".to_owned(), Array::from(7_i64));
    arrays.insert("none".to_owned(), Array::zeros([2, 0], Dtype::Float16).unwrap());
    arrays.insert("größe/日本".to_owned(), Array::from([1_u8]));
    let metadata =
        BTreeMap::from([("format", "mlx"), ("näme", "a \"b\"\n")].map(|(k, v)| (k.into(), v.into())));
    save_safetensors(&path, arrays.iter().map(|(name, array)| (name.as_str(), array)), &metadata).unwrap();

    let loaded = load_safetensors(&path).unwrap();
    assert_eq!(loaded.metadata, metadata);
    assert_eq!(loaded.arrays.keys().collect::<Vec<_>>(), arrays.keys().collect::<Vec<_>>());
    for (name, array) in &arrays {
        let read = &loaded.arrays[name];
        assert_eq!((read.shape(), read.dtype()), (array.shape(), array.dtype()), "{name}");
        if array.size() > 0 {
            let same = read.equal(array).unwrap().all(..).unwrap().item::<bool>().unwrap();
            assert!(same, "{name}: {read} instead of {array}");
        }
    }
    let complex = loaded.arrays["complex64"].to_vec::<Complex64>().unwrap();
    assert_eq!(complex[4], Complex64 { re: 100.0, im: 0.0 });
}

#[test]
fn other_readers_read_what_is_saved() {
    let folder = folder();
    let path = folder.path().join("x.safetensors");
    save_safetensors(&path, [("x", &Array::from([1.5, -2.0]))], &BTreeMap::new()).unwrap();
    let golden = mlx_testkit::Golden::open(&path);
    assert_eq!(golden.f32("x"), [1.5, -2.0]);
    assert!(load_safetensors(&path).unwrap().metadata.is_empty());
}

#[test]
fn truth_values_of_any_byte_are_true_unless_zero() {
    let folder = folder();
    let header = r#"{"x":{"dtype":"BOOL","shape":[4],"data_offsets":[0,4]}}"#;
    let path = written(folder.path(), header, 4);
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&[0, 1, 2, 255]);
    fs::write(&path, bytes).unwrap();
    let x = &load_safetensors(&path).unwrap().arrays["x"];
    assert_eq!(x.to_vec::<bool>().unwrap(), [false, true, true, true]);
    assert_eq!(x.astype(Dtype::Int32).unwrap().to_vec::<i32>().unwrap(), [0, 1, 1, 1]);
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let folder = folder();
    let whole = folder.path().join("whole.safetensors");
    let (a, b) = (Array::from([1, 2, 3]), Array::from([[1.0, 2.0]]));
    save_safetensors(&whole, [("a", &a), ("b", &b)], &BTreeMap::new()).unwrap();
    let bytes = fs::read(&whole).unwrap();
    let cut = folder.path().join("cut.safetensors");
    for length in 0..bytes.len() {
        fs::write(&cut, &bytes[..length]).unwrap();
        let why = refused(&cut);
        assert!(!why.contains('\n'), "{why}");
    }
    fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
    assert!(refused(&cut).ends_with("the file is cut off or damaged"));
    fs::write(&cut, &bytes[..4]).unwrap();
    assert_eq!(refused(&cut), "4 bytes are too few for a safetensors file");
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let folder = folder();
    let path = folder.path().join("x.safetensors");
    fs::write(&path, b"GGUF\x03\0\0\0 and more of it").unwrap();
    assert!(refused(&path).starts_with("it claims a header of "));
    fs::write(&path, [0xff; 64]).unwrap();
    assert_eq!(refused(&path), format!("it claims a header of {} bytes, and has 64 in all", u64::MAX));
    for header in ["", "[]", "null", "{", "{}{}", r#"{"x":1}"#, r#"{"x":{}}"#, "\u{fffd}"] {
        assert!(refused(&written(folder.path(), header, 0)).starts_with("its header: "), "{header}");
    }
}

#[test]
fn a_header_that_does_not_fit_its_data_is_refused() {
    let folder = folder();
    for (dtype, shape, from, to, says) in [
        ("F32", "[2]", "0", "4", "tensor x: F32 [2] takes 8 bytes, not those from 0 to 4"),
        ("F32", "[2]", "0", "12", "tensor x: F32 [2] takes 8 bytes, not those from 0 to 12"),
        ("F32", "[2]", "8", "0", "tensor x: F32 [2] takes 8 bytes, not those from 8 to 0"),
        ("F16", "[2]", "0", "8", "tensor x: F16 [2] takes 4 bytes, not those from 0 to 8"),
        (
            "F32",
            "[2]",
            "12",
            "20",
            "tensor x: it lies at bytes 12 to 20 of 16: the file is cut off or damaged",
        ),
        ("F32", "[-1,-2]", "0", "8", "tensor x: shape [-1, -2] is impossible"),
        ("F32", "[65536,65536,65536,65536]", "0", "0", "is impossible"),
        ("F32", "[4294967298]", "0", "8", "its header: invalid value"),
        ("F32", "[1.5]", "0", "8", "its header: invalid type"),
        ("F32", "[2]", "-8", "0", "its header: invalid value"),
        ("F32", "[2]", "0", "18446744073709551616", "its header: invalid type"),
        ("F64", "[2]", "0", "16", "tensor x: MLX does not read dtype F64"),
        ("Q4", "[2]", "0", "1", "tensor x: MLX does not read dtype Q4"),
    ] {
        let header = format!(r#"{{"x":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{from},{to}]}}}}"#);
        let why = refused(&written(folder.path(), &header, 16));
        assert!(why.contains(says), "{header}: {why}");
    }
}

#[test]
fn tensors_that_share_bytes_or_a_name_are_refused() {
    let folder = folder();
    let tensor = |from: usize, to: usize| {
        format!(r#"{{"dtype":"U8","shape":[{}],"data_offsets":[{from},{to}]}}"#, to - from)
    };
    let pair = |a: &str, b: &str| format!(r#"{{"a":{a},"{}":{b}}}"#, "b");
    let overlap = pair(&tensor(0, 5), &tensor(4, 8));
    assert_eq!(refused(&written(folder.path(), &overlap, 8)), "tensors a and b overlap");
    let inside = pair(&tensor(2, 4), &tensor(0, 8));
    assert_eq!(refused(&written(folder.path(), &inside, 8)), "tensors b and a overlap");
    let twice = format!(r#"{{"a":{0},"a":{0}}}"#, tensor(0, 4));
    assert!(refused(&written(folder.path(), &twice, 4)).starts_with("its header: a comes twice"));
    let zero = format!(r#"{{"a\u0000b":{}}}"#, tensor(0, 4));
    assert!(refused(&written(folder.path(), &zero, 4)).contains("holds a zero byte"));
    let fine = format!(r#"{{"a":{},"none":{},"b":{}}}"#, tensor(4, 8), tensor(4, 4), tensor(0, 4));
    assert_eq!(load_safetensors(written(folder.path(), &fine, 8)).unwrap().arrays.len(), 3);
}

#[test]
fn metadata_that_is_not_text_is_refused() {
    let folder = folder();
    for metadata in ["1", r#"{"a":1}"#, "[]"] {
        let header = format!(r#"{{"__metadata__":{metadata}}}"#);
        assert!(refused(&written(folder.path(), &header, 0)).starts_with("its header: "), "{metadata}");
    }
    let none = written(folder.path(), r#"{"__metadata__":null}"#, 0);
    assert!(load_safetensors(none).unwrap().metadata.is_empty());
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = folder();
    assert_eq!(refused(folder.path()), "it is not a file");
    assert!(refused(&folder.path().join("nothing.safetensors")).contains("No such file"));
}

#[test]
fn a_path_with_format_directives_survives() {
    let folder = folder();
    let path = folder.path().join("100%s%n%d.safetensors");
    save_safetensors(&path, [("x", &Array::from([1]))], &BTreeMap::new()).unwrap();
    assert_eq!(load_safetensors(&path).unwrap().arrays["x"].to_vec::<i32>().unwrap(), [1]);
    let deep = path.join("%s%n%s.safetensors");
    assert!(refused(&deep).contains("Not a directory"));
    let error = save_safetensors(&deep, [("x", &Array::from([1]))], &BTreeMap::new()).unwrap_err();
    assert!(error.message().contains("%s%n%s.safetensors"), "{error}");
}

#[test]
fn a_name_with_a_zero_byte_cannot_be_saved() {
    let folder = folder();
    let (x, path) = (Array::from([1.0, 2.0]), folder.path().join("x.safetensors"));
    let error = save_safetensors(&path, [("a\0b", &x)], &BTreeMap::new()).unwrap_err();
    assert_eq!(error.message(), "\"a\\0b\" holds a zero byte");
    let metadata = BTreeMap::from([("a".to_owned(), "b\0".to_owned())]);
    assert!(save_safetensors(&path, [("x", &x)], &metadata).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_save_that_fails_leaves_no_part_and_keeps_the_old_file() {
    on_cpu(|| {
        let folder = folder();
        let path = folder.path().join("x.safetensors");
        let good = Array::from([1, 2]);
        save_safetensors(&path, [("x", &good)], &BTreeMap::new()).unwrap();
        let lost = load_safetensors(&path).unwrap().arrays.remove("x").unwrap();
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(60).unwrap();
        let before = fs::read(&path).unwrap();
        let double = good.astype(Dtype::Float64).unwrap();
        for (name, array, says) in [
            ("y", &lost, ""),
            ("y", &double, "y is float64, which MLX does not write: convert it with astype"),
            ("x", &good, "the name x is taken"),
            ("__metadata__", &good, "the name __metadata__ is taken"),
        ] {
            let error = save_safetensors(&path, [("x", &good), (name, array)], &BTreeMap::new()).unwrap_err();
            assert!(error.message().contains(says), "{error}");
            assert_eq!(fs::read(&path).unwrap(), before);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
        fs::create_dir(folder.path().join("d.safetensors")).unwrap();
        let error = save_safetensors(folder.path().join("d.safetensors"), [("x", &good)], &BTreeMap::new());
        assert_eq!(error.unwrap_err().kind(), Kind::Io);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    });
}

#[test]
fn a_file_is_replaced_whole_and_arrays_of_the_old_one_live_on() {
    let folder = folder();
    let path = folder.path().join("x.safetensors");
    save_safetensors(&path, [("x", &Array::from([1, 2]))], &BTreeMap::new()).unwrap();
    let old = load_safetensors(&path).unwrap();
    save_safetensors(&path, [("x", &(&old.arrays["x"] * 10).unwrap())], &BTreeMap::new()).unwrap();
    let new = load_safetensors(&path).unwrap();
    assert_eq!(old.arrays["x"].to_vec::<i32>().unwrap(), [1, 2]);
    assert_eq!(new.arrays["x"].to_vec::<i32>().unwrap(), [10, 20]);
}

#[test]
fn a_new_file_has_the_mode_of_any_new_file() {
    let folder = folder();
    let (ours, plain) = (folder.path().join("x.safetensors"), folder.path().join("plain"));
    save_safetensors(&ours, [("x", &Array::from([1]))], &BTreeMap::new()).unwrap();
    fs::write(&plain, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(format!("{:o}", mode(&ours)), format!("{:o}", mode(&plain)));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = folder();
    let path = folder.path().join("none/x.safetensors");
    let error = save_safetensors(&path, [("x", &Array::from([1]))], &BTreeMap::new()).unwrap_err();
    assert_eq!(error.kind(), Kind::Io);
    assert!(error.message().starts_with(&path.display().to_string()), "{error}");
    assert!(!error.message().contains('\n'));
}

#[test]
fn a_file_that_shrinks_after_it_was_opened_is_an_error_or_its_own_bytes() {
    let folder = folder();
    let path = written(folder.path(), r#"{"x":{"dtype":"U8","shape":[64],"data_offsets":[0,64]}}"#, 64);
    let x = load_safetensors(&path).unwrap().arrays.remove("x").unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(20).unwrap();
    assert!(x.to_vec::<u8>().is_err());
    assert_eq!((Array::from(1) + 1).unwrap().item::<i32>().unwrap(), 2);
}
