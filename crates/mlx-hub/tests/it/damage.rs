//! Damaged and odd GGUF files end in one clear error.

use mlx_hub::gguf::{Array, Container, Value};

use crate::gguf_file::{BOOL, GgufFile, I32, U32, open_error};

fn sample() -> GgufFile {
    GgufFile::new()
        .text("general.architecture", "llama")
        .texts("names", &["a", "b"])
        .array("counts", I32, &[3i32.to_le_bytes().to_vec()])
        .value("flag", BOOL, &[1])
        .f32_tensor("first", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        .f32_tensor("second", &[2, 1, 2, 1], &[7.0, 8.0, 9.0, 10.0])
}

#[test]
fn versions_2_and_3_are_read() {
    for version in [2, 3] {
        let file = sample().version(version).write();
        let gguf = Container::open(file.path()).unwrap();
        assert_eq!(gguf.metadata()["flag"], Value::Bool(true));
        assert_eq!(gguf.metadata()["names"], Value::Array(Array::String(vec!["a".into(), "b".into()])));
        assert_eq!(gguf.load("first").unwrap().shape, [3, 2]);
        let second = gguf.load("second").unwrap();
        assert_eq!(
            (second.shape.as_slice(), second.to_f32()),
            (&[1, 2, 1, 2][..], vec![7.0, 8.0, 9.0, 10.0])
        );
    }
}

#[test]
fn scalars_are_tensors_without_dimensions() {
    let file = GgufFile::new().f32_tensor("scalar", &[], &[2.5]).write();
    let scalar = Container::open(file.path()).unwrap().load("scalar").unwrap();
    assert_eq!((scalar.shape.len(), scalar.to_f32()), (0, vec![2.5]));
}

#[test]
fn alignment_comes_from_the_metadata() {
    let file = GgufFile::new()
        .aligned(128)
        .u32("general.alignment", 128)
        .f32_tensor("a", &[1], &[1.0])
        .f32_tensor("b", &[1], &[2.0]);
    let file = file.write();
    assert_eq!(Container::open(file.path()).unwrap().load("b").unwrap().to_f32(), [2.0]);
    for odd in [0, 24] {
        let error = GgufFile::new().u32("general.alignment", odd).open_error();
        assert_eq!(error, format!("metadata `general.alignment` is U32({odd}), not a power of two"));
    }
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = sample().bytes();
    let data_end = bytes.len() - 16;
    for len in 0..data_end {
        let error = open_error(&bytes[..len]);
        assert!(error.contains("truncated"), "{len}: {error}");
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let bytes = sample().bytes();
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= flip;
            let file = crate::gguf_file::write(&bytes);
            if let Ok(gguf) = Container::open(file.path()) {
                gguf.tensors().iter().for_each(|tensor| drop(gguf.load(&tensor.name).unwrap()));
            }
        }
    }
}

#[test]
fn wrong_magic_version_and_byte_order_are_named() {
    assert_eq!(open_error(b"PK\x03\x04aaaa"), r"not a GGUF file: it starts with `PK\x03\x04`");
    let version = |version| sample().version(version).open_error();
    assert_eq!(version(1), "GGUF version 1 is not supported: convert the file to version 3");
    assert_eq!(version(0), "GGUF version 0 is not supported: convert the file to version 3");
    assert_eq!(version(3u32.swap_bytes()), "the file is big-endian: convert it to little-endian");
}

#[test]
fn huge_counts_are_refused_before_allocation() {
    let mut bytes = sample().bytes();
    bytes[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(open_error(&bytes).starts_with("a list of 18446744073709551615 tensors at byte 8 does not fit"));
    let huge = u64::MAX.to_le_bytes();
    let text = GgufFile::new().value("key", crate::gguf_file::STRING, &huge).open_error();
    assert!(text.starts_with("metadata `key`: a string of 18446744073709551615 bytes"), "{text}");
    let array = GgufFile::new().value("key", 9, &[&U32.to_le_bytes()[..], &huge].concat()).open_error();
    assert!(array.starts_with("metadata `key`: an array of 18446744073709551615 items"), "{array}");
}

#[test]
fn repeated_keys_and_tensors_are_named() {
    let twice = GgufFile::new().u32("key", 1).u32("key", 2).open_error();
    assert_eq!(twice, "metadata `key` is there twice");
    let twice = GgufFile::new().f32_tensor("x", &[1], &[1.0]).f32_tensor("x", &[1], &[1.0]).open_error();
    assert_eq!(twice, "tensor `x` is there twice");
}

#[test]
fn impossible_tensors_are_named() {
    let error = |dims: &[u64], kind, offset| GgufFile::new().tensor_at("x", dims, kind, offset).open_error();
    assert_eq!(error(&[32], 16, 0), "tensor `x`: type 16 (one of the IQ types) is not supported");
    assert_eq!(error(&[32], 99, 0), "tensor `x`: type 99 is not supported");
    assert_eq!(error(&[33], 2, 0), "tensor `x`: rows of 33 elements do not divide into Q4_0 blocks of 32");
    assert_eq!(error(&[1; 5], 0, 0), "tensor `x`: 5 dimensions, but the format allows 4");
    assert_eq!(error(&[4, 0], 0, 0), "tensor `x`: dimensions [4, 0] hold a zero");
    assert!(error(&[1 << 40, 1 << 40], 0, 0).contains("too large for any file"));
    assert!(error(&[1 << 62], 0, 0).contains("too large for any file"));
    assert_eq!(error(&[1], 0, 4), "tensor `x` is at offset 4, not a multiple of 32");
    assert!(
        error(&[1], 0, 1 << 63)
            .contains("tensor `x` (4 bytes at data offset 9223372036854775808) ends after")
    );
    assert!(error(&[1], 0, u64::MAX - 31).contains("ends after the file"));
}

#[test]
fn files_that_cannot_be_opened_are_named() {
    let error = Container::open("no/such.gguf").unwrap_err().to_string();
    assert!(error.starts_with("cannot read no/such.gguf: "), "{error}");
}
