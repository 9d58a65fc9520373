//! Npz archives: stored, deflated, written by NumPy, and damaged.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;

use mlx_core::io::{Compression, load_npz, read_npz, save_npz, write_npz};
use mlx_core::{Array, Dtype, Kind};

/// `numpy.savez_compressed(file, x=numpy.arange(40, dtype="int16").reshape(5, 8))`, by NumPy 2.
const OF_NUMPY: &str = "504b03042d0000000800000021002b311ceeffffffffffffffff05001400782e6e707901001000d00000000000\
    00008b000000000000009dc8cb0a01510080e17fdc8dfbfdce713dd4ac9492acedc8c6c24a9339a264744636f2\
    145ed87805ffeeff3e9bdd7abb3778f2928ef28e5a2e845c5ea6d212f2e4ea87b66f07573beae72bfbea29dfbd\
    b37d57fe8f6796984f2cf1167f678241802021c2448812238e49822429d264c892234f812225ca54a852a34e83\
    262dda741074e9d167c09011922f504b01022d032d0000000800000021002b311cee8b000000d0000000050000\
    000000000000000000800100000000782e6e7079504b0506000000000100010033000000c20000000000";

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn archive(compression: Compression) -> Vec<u8> {
    let (a, b) = (Array::arange(0..100).unwrap(), Array::from([[true, false]]));
    let mut bytes = Cursor::new(Vec::new());
    write_npz(&mut bytes, [("a", &a), ("deep/b", &b)], compression).unwrap();
    bytes.into_inner()
}

fn assert_is_archive(arrays: &BTreeMap<String, Array>) {
    assert_eq!(arrays.keys().collect::<Vec<_>>(), ["a", "deep/b"]);
    assert_eq!(arrays["a"].to_vec::<i32>().unwrap(), (0..100).collect::<Vec<_>>());
    assert_eq!(arrays["deep/b"].shape(), [1, 2]);
    assert_eq!(arrays["deep/b"].to_vec::<bool>().unwrap(), [true, false]);
}

#[test]
fn stored_and_deflated_archives_come_back() {
    let (stored, deflated) = (archive(Compression::None), archive(Compression::Deflate));
    assert!(deflated.len() < stored.len());
    assert_is_archive(&read_npz(Cursor::new(stored)).unwrap());
    assert_is_archive(&read_npz(Cursor::new(deflated)).unwrap());
}

#[test]
fn an_archive_of_numpy_is_read() {
    let x = read_npz(Cursor::new(unhex(OF_NUMPY))).unwrap().remove("x").unwrap();
    assert_eq!((x.shape(), x.dtype()), (&[5, 8][..], Dtype::Int16));
    assert_eq!(x.to_vec::<i16>().unwrap(), (0..40).collect::<Vec<_>>());
}

#[test]
fn an_archive_cut_anywhere_is_refused() {
    for compression in [Compression::None, Compression::Deflate] {
        let bytes = archive(compression);
        for length in 0..bytes.len() {
            let error = read_npz(Cursor::new(&bytes[..length])).unwrap_err();
            assert_eq!((error.kind(), error.op()), (Kind::Io, "read_npz"));
        }
    }
}

#[test]
fn an_archive_with_any_byte_changed_is_refused_or_the_same() {
    let bytes = archive(Compression::Deflate);
    let whole = read_npz(Cursor::new(&bytes)).unwrap();
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x41;
        for (name, array) in read_npz(Cursor::new(bytes)).unwrap_or_default() {
            if let Some(good) = whole.get(&name) {
                let same = array.equal(good).unwrap().all(..).unwrap().item::<bool>().unwrap();
                assert!(same && array.shape() == good.shape(), "{name} after byte {at}");
            }
        }
    }
}

#[test]
fn members_that_are_no_arrays_or_hold_more_are_refused() {
    let mut bytes = archive(Compression::None);
    let at = bytes.windows(5).rposition(|part| part == b"a.npy").unwrap();
    bytes[at..at + 5].copy_from_slice(b"a.txt");
    let error = read_npz(Cursor::new(bytes)).unwrap_err();
    assert!(error.message().contains("a.txt"), "{error}");
    assert!(read_npz(Cursor::new(b"PK\x03\x04")).is_err());
    assert!(read_npz(Cursor::new(b"")).is_err());
}

#[test]
fn of_two_members_of_a_name_the_last_counts_as_in_numpy() {
    let (a, b) = (Array::from(1), Array::from(2));
    let mut bytes = Cursor::new(Vec::new());
    write_npz(&mut bytes, [("a", &a), ("b", &b)], Compression::None).unwrap();
    let mut bytes = bytes.into_inner();
    for at in 0..bytes.len() - 5 {
        if &bytes[at..at + 5] == b"b.npy" {
            bytes[at] = b'a';
        }
    }
    let arrays = read_npz(Cursor::new(bytes)).unwrap();
    assert_eq!((arrays.len(), arrays["a"].item::<i32>().unwrap()), (1, 2));
}

#[test]
fn a_save_that_fails_keeps_the_old_archive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    let x = Array::from([1, 2]);
    save_npz(&path, [("x", &x)], Compression::Deflate).unwrap();
    let before = fs::read(&path).unwrap();
    let error = save_npz(&path, [("x", &x), ("x", &x)], Compression::None).unwrap_err();
    assert_eq!(error.message(), format!("{}: the name x is taken", path.display()));
    assert_eq!(error.op(), "save_npz");
    assert_eq!(error.at().file(), file!());
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(load_npz(&path).unwrap()["x"].to_vec::<i32>().unwrap(), [1, 2]);
    let deep = folder.path().join("none/x.npz");
    assert!(save_npz(&deep, [("x", &x)], Compression::None).is_err());
    assert!(load_npz(&deep).is_err());
}

#[test]
fn no_arrays_are_an_archive_too() {
    let mut bytes = Cursor::new(Vec::new());
    write_npz(&mut bytes, [], Compression::None).unwrap();
    assert!(read_npz(bytes).unwrap().is_empty());
}
