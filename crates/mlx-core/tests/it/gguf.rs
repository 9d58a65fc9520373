//! GGUF files: whole ones, blocks, damaged ones, and what MLX would not write right.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;

use mlx_core::io::{Gguf, GgufValue, load_gguf, read_gguf, save_gguf, write_gguf};
use mlx_core::{Array, Dtype, Kind, f16};

/// A file of version 3 in parts.
#[derive(Default)]
struct File {
    keys: Vec<Vec<u8>>,
    tensors: Vec<Vec<u8>>,
    data: Vec<u8>,
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

impl File {
    fn key(mut self, name: &str, kind: u32, value: &[u8]) -> Self {
        self.keys.push([text(name), kind.to_le_bytes().to_vec(), value.to_vec()].concat());
        self
    }

    fn list(self, name: &str, kind: u32, length: u64, values: &[u8]) -> Self {
        self.key(name, 9, &[&kind.to_le_bytes()[..], &length.to_le_bytes(), values].concat())
    }

    fn tensor(mut self, name: &str, shape: &[u64], kind: u32, offset: u64) -> Self {
        let lengths: Vec<u8> = shape.iter().flat_map(|length| length.to_le_bytes()).collect();
        let axes = (shape.len() as u32).to_le_bytes();
        let parts = [&text(name)[..], &axes, &lengths, &kind.to_le_bytes(), &offset.to_le_bytes()];
        self.tensors.push(parts.concat());
        self
    }

    fn data(mut self, data: &[u8]) -> Self {
        self.data = data.to_vec();
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.keys.len() as u64).to_le_bytes());
        bytes.extend(self.keys.concat());
        bytes.extend(self.tensors.concat());
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes.extend(&self.data);
        bytes
    }

    fn read(&self) -> mlx_core::Result<Gguf> {
        read_gguf(Cursor::new(self.bytes()))
    }

    #[track_caller]
    fn refused(&self) -> String {
        let error = self.read().unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Io, "read_gguf"), "{error}");
        error.message().strip_prefix("the reader: ").unwrap().to_owned()
    }
}

fn metadata() -> BTreeMap<String, GgufValue> {
    let strings = vec!["a".to_owned(), String::new(), "größe".to_owned()];
    BTreeMap::from([
        ("text".to_owned(), GgufValue::String("mlx \"q\"\n".to_owned())),
        ("texts".to_owned(), GgufValue::Strings(strings)),
        ("number".to_owned(), GgufValue::Array(Array::from(7))),
        ("truth".to_owned(), GgufValue::Array(Array::from(true))),
        ("list".to_owned(), GgufValue::Array(Array::from([1.5, 2.5]))),
    ])
}

#[test]
fn arrays_and_metadata_of_every_kind_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gguf");
    let x = Array::from([[0.0, 1.0, 2.0], [3.0, 100.0, 5.0]]);
    let dtypes = [Dtype::Float32, Dtype::Float16, Dtype::Int8, Dtype::Int16, Dtype::Int32];
    let mut arrays: BTreeMap<_, _> = dtypes.map(|dtype| (dtype.name(), x.astype(dtype).unwrap())).into();
    arrays.insert("turned", x.t().unwrap());
    arrays.insert("one", Array::from(2.5));
    arrays.insert("none", Array::zeros([2, 0], Dtype::Float32).unwrap());
    let given = || arrays.iter().map(|(name, array)| (*name, array));
    save_gguf(&path, given(), &metadata()).unwrap();
    let mut bytes = Vec::new();
    write_gguf(&mut bytes, given(), &metadata()).unwrap();

    for loaded in [load_gguf(&path).unwrap(), read_gguf(&bytes[..]).unwrap()] {
        assert_eq!(loaded.arrays.len(), arrays.len());
        for (name, array) in &arrays {
            let read = &loaded.arrays[*name];
            assert_eq!((read.shape(), read.dtype()), (array.shape(), array.dtype()), "{name}");
            let same =
                array.size() == 0 || read.equal(array).unwrap().all(..).unwrap().item::<bool>().unwrap();
            assert!(same, "{name}");
        }
        let values = &loaded.metadata;
        assert_eq!(values.len(), 5);
        assert!(matches!(&values["text"], GgufValue::String(text) if text == "mlx \"q\"\n"));
        assert!(matches!(&values["texts"], GgufValue::Strings(list) if *list == ["a", "", "größe"]));
        assert!(matches!(&values["number"], GgufValue::Array(n) if n.item::<i32>().unwrap() == 7));
        assert!(matches!(&values["truth"], GgufValue::Array(t) if t.item::<bool>().unwrap()));
        assert!(matches!(&values["list"], GgufValue::Array(l) if l.to_vec::<f32>().unwrap() == [1.5, 2.5]));
    }
}

#[test]
fn numbers_and_lists_of_every_kind_are_read() {
    let file = File::default()
        .key("u8", 0, &[200])
        .key("i8", 1, &[255])
        .key("u16", 2, &[255, 255])
        .key("i16", 3, &[254, 255])
        .key("u32", 4, &[1, 0, 0, 0])
        .key("i32", 5, &[255; 4])
        .key("f32", 6, &1.5_f32.to_le_bytes())
        .key("u64", 10, &[255; 8])
        .key("i64", 11, &[255; 8])
        .key("general.alignment", 4, &[32, 0, 0, 0])
        .list("empty", 4, 0, &[])
        .list("i16s", 3, 2, &[1, 0, 255, 255])
        .list("bools", 7, 2, &[0, 1])
        .list("texts", 8, 2, &[text("a"), text("b")].concat())
        .key("last", 8, &text("end"));
    let values = file.read().unwrap().metadata;
    let array = |name: &str| match &values[name] {
        GgufValue::Array(array) => array.clone(),
        other => panic!("{name} is {other:?}"),
    };
    assert_eq!(array("u8").item::<u8>().unwrap(), 200);
    assert_eq!(array("i8").item::<i8>().unwrap(), -1);
    assert_eq!(array("u16").item::<u16>().unwrap(), u16::MAX);
    assert_eq!(array("i16").item::<i16>().unwrap(), -2);
    assert_eq!(array("u32").item::<u32>().unwrap(), 1);
    assert_eq!(array("i32").item::<i32>().unwrap(), -1);
    assert_eq!(array("f32").item::<f32>().unwrap(), 1.5);
    assert_eq!(array("u64").item::<u64>().unwrap(), u64::MAX);
    assert_eq!(array("i64").item::<i64>().unwrap(), -1);
    assert_eq!(array("general.alignment").item::<u32>().unwrap(), 32);
    assert_eq!(array("empty").shape(), [0]);
    assert_eq!(array("i16s").to_vec::<i16>().unwrap(), [1, -1]);
    assert_eq!(array("bools").to_vec::<bool>().unwrap(), [false, true]);
    assert!(matches!(&values["texts"], GgufValue::Strings(list) if *list == ["a", "b"]));
    assert!(matches!(&values["last"], GgufValue::String(text) if text == "end"));
}

#[test]
fn tensors_have_their_lengths_in_reverse() {
    let file = File::default().tensor("x", &[3, 2], 24, 0).data(&[1, 2, 3, 4, 5, 6]);
    let x = file.read().unwrap().arrays.remove("x").unwrap();
    assert_eq!((x.shape(), x.to_vec::<i8>().unwrap()), (&[2, 3][..], vec![1, 2, 3, 4, 5, 6]));
}

#[test]
fn blocks_of_eight_bits_are_a_packed_matrix_with_scales_and_biases() {
    let block = [&f16::from_f32(0.5).to_le_bytes()[..], &[3; 32]].concat();
    let file = File::default().tensor("w.weight", &[32, 2], 8, 0).data(&[block.clone(), block].concat());
    let arrays = file.read().unwrap().arrays;
    assert_eq!(arrays.keys().collect::<Vec<_>>(), ["w.biases", "w.scales", "w.weight"]);
    assert_eq!((arrays["w.weight"].shape(), arrays["w.weight"].dtype()), (&[2, 8][..], Dtype::Uint32));
    assert_eq!(arrays["w.weight"].to_vec::<u32>().unwrap(), [0x8383_8383; 16]);
    assert_eq!(arrays["w.scales"].to_vec::<f16>().unwrap(), [f16::from_f32(0.5); 2]);
    assert_eq!(arrays["w.biases"].to_vec::<f16>().unwrap(), [f16::from_f32(-64.0); 2]);
}

#[test]
fn blocks_of_four_bits_keep_their_order() {
    let half = |number: f32| f16::from_f32(number).to_le_bytes();
    let plain = [&half(0.5)[..], &[0x21; 16]].concat();
    let shifted = [&half(0.5)[..], &half(3.0), &[0x21; 16]].concat();
    let file = File::default().tensor("a.weight", &[32], 2, 0).tensor("b.weight", &[32], 3, 32);
    let data = [&plain[..], &[0; 14], &shifted].concat();
    let arrays = file.data(&data).read().unwrap().arrays;
    for (name, bias) in [("a", -4.0), ("b", 3.0)] {
        let packed = arrays[&format!("{name}.weight")].to_vec::<u32>().unwrap();
        assert_eq!(packed, [0x1111_1111, 0x1111_1111, 0x2222_2222, 0x2222_2222]);
        assert_eq!(arrays[&format!("{name}.scales")].item::<f16>().unwrap(), f16::from_f32(0.5));
        assert_eq!(arrays[&format!("{name}.biases")].item::<f16>().unwrap(), f16::from_f32(bias));
    }
}

#[test]
fn other_floats_come_as_half_precision() {
    let file = File::default().tensor("x", &[2], 30, 0).data(&[0x80, 0x3f, 0x00, 0xc0]);
    let x = file.read().unwrap().arrays.remove("x").unwrap();
    assert_eq!(x.to_vec::<f16>().unwrap(), [1.0, -2.0].map(f16::from_f32));
}

#[test]
fn the_last_block_of_every_type_is_read_within_the_file() {
    for (kind, items, bytes) in
        [(2, 32, 18), (3, 32, 20), (8, 32, 34), (10, 256, 84), (12, 256, 144), (14, 256, 210)]
    {
        let file = |bytes| File::default().tensor("x", &[items], kind, 0).data(&vec![0; bytes]);
        assert!(file(bytes).read().unwrap().arrays["x"].eval().is_ok(), "type {kind}");
        let why = file(bytes - 1).refused();
        assert!(why.starts_with(&format!("tensor x takes {bytes} bytes from 0 on")), "type {kind}: {why}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let file = File::default()
        .key("text", 8, &text("value"))
        .list("texts", 8, 2, &[text("a"), text("b")].concat())
        .key("number", 5, &[1, 0, 0, 0])
        .tensor("x", &[2], 0, 0)
        .tensor("y", &[32], 2, 32)
        .data(&[1; 50]);
    let bytes = file.bytes();
    assert!(read_gguf(&bytes[..]).is_ok());
    for length in 0..bytes.len() {
        assert!(read_gguf(&bytes[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn a_file_with_any_byte_changed_is_refused_or_read() {
    let file = File::default()
        .key("general.alignment", 4, &[32, 0, 0, 0])
        .list("list", 4, 1, &[1, 0, 0, 0])
        .tensor("x", &[2], 0, 0)
        .data(&[1; 8]);
    let bytes = file.bytes();
    for at in 0..bytes.len() {
        for byte in [0, 1, 9, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            if let Ok(loaded) = read_gguf(&bytes[..]) {
                assert!(loaded.arrays.values().all(|array| array.eval().is_ok()), "{byte} at {at}");
            }
        }
    }
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let read = |bytes: &[u8]| read_gguf(bytes).unwrap_err().message().to_owned();
    assert_eq!(read(b"PK\x03\x04 and more of it"), "the reader: it does not begin as a GGUF file does");
    assert_eq!(read(b""), "the reader: 4 bytes at 0 of 0: it is cut off or damaged");
    for version in [0_u32, 1, 4, 3_u32.swap_bytes()] {
        let bytes = [b"GGUF", &version.to_le_bytes()[..], &[0; 16]].concat();
        let says = format!("the reader: GGUF version {version} is not known: 2 and 3 are");
        assert_eq!(read(&bytes), says);
    }
    let many = [b"GGUF\x03\0\0\0", &[0xff; 16][..]].concat();
    assert_eq!(read(&many), "the reader: 8 bytes at 24 of 24: it is cut off or damaged");
}

#[test]
fn values_that_mlx_does_not_read_right_are_refused() {
    let file = File::default;
    for (file, says) in [
        (file().key("k", 12, &[0; 8]), "the value of k: float64 is misread by MLX"),
        (file().list("k", 12, 1, &[0; 8]), "the value of k: float64 is misread by MLX"),
        (file().list("k", 9, 1, &[0; 12]), "the value of k: lists of lists are not read by MLX"),
        (file().key("k", 13, &[0; 8]), "the value of k: a value of kind 13 is not known"),
        (file().list("k", 99, 1, &[0; 8]), "the value of k: a value of kind 99 is not known"),
        (file().key("k", 7, &[2]), "the value of k: a truth value is neither 0 nor 1"),
        (file().list("k", 4, 1 << 31, &[]), "the value of k: 2147483648 elements are too many"),
        (file().list("k", 10, 1 << 30, &[]), "the value of k: 8589934592 bytes at 49 of 64: it is cut off"),
        (
            file().key("k", 8, &u64::MAX.to_le_bytes()),
            "the value of k: 18446744073709551615 bytes at 45 of 64",
        ),
        (file().key("k", 8, &text("a\0b")), "the value of k: \"a\\0b\" holds a zero byte"),
        (file().key("k", 8, &[1, 0, 0, 0, 0, 0, 0, 0, 0xff]), "the value of k: a text is not UTF-8"),
        (file().key("k", 0, &[1]).key("k", 0, &[1]), "the key k comes twice"),
        (file().key("general.alignment", 4, &[0; 4]), "the value of general.alignment: 0 is no alignment"),
        (
            file().key("general.alignment", 4, &[4, 0, 0, 0]),
            "the value of general.alignment: 4 is no alignment",
        ),
        (
            file().key("general.alignment", 4, &[24, 0, 0, 0]),
            "the value of general.alignment: 24 is no alignment",
        ),
    ] {
        let why = file.refused();
        assert!(why.starts_with(says), "{why} instead of {says}");
    }
}

#[test]
fn tensors_that_do_not_fit_are_refused() {
    let file = || File::default().data(&[0; 64]);
    let large = 1 << 31;
    for (file, says) in [
        (file().tensor("x", &[1; 9], 0, 0), "tensor x: 9 axes are more than 8"),
        (file().tensor("x", &[large], 0, 0), "tensor x: a length of 2147483648 is too large"),
        (file().tensor("x", &[large - 1; 8], 0, 0), "tensor x: shape ["),
        (
            file().tensor("x", &[17], 0, 0),
            "tensor x takes 68 bytes from 0 on: the file is cut off or damaged",
        ),
        (file().tensor("x", &[16], 0, 32), "tensor x takes 64 bytes from 32 on"),
        (file().tensor("x", &[1], 0, 4), "tensor x begins at 4, which is no multiple of 32"),
        (file().tensor("x", &[1], 0, u64::MAX - 31), "tensor x takes 4 bytes from 18446744073709551584 on"),
        (file().tensor("x", &[1], 6, 0), "tensor x: MLX does not read ggml's type 6"),
        (file().tensor("x", &[1], 28, 0), "tensor x: MLX does not read ggml's type 28"),
        (file().tensor("x", &[1], u32::MAX, 0), "tensor x: MLX does not read ggml's type 4294967295"),
        (file().tensor("x", &[], 2, 0), "tensor x: [] is not filled by blocks of 32"),
        (file().tensor("x", &[48], 2, 0), "tensor x: [48] is not filled by blocks of 32"),
        (file().tensor("x", &[16, 2], 8, 0), "tensor x: [16, 2] is not filled by blocks of 32"),
        (file().tensor("x", &[1], 0, 0).tensor("x", &[1], 0, 32), "tensor x comes twice"),
    ] {
        let why = file.refused();
        assert!(why.starts_with(says), "{why} instead of {says}");
    }
}

#[test]
fn tensors_whose_parts_have_the_same_name_are_an_error() {
    let file = File::default().tensor("w.scales", &[1], 0, 0).tensor("w.weight", &[32], 8, 32).data(&[0; 66]);
    assert_eq!(file.read().unwrap_err().kind(), Kind::Mlx);
}

#[test]
fn a_save_that_fails_keeps_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gguf");
    let x = Array::from([1.0, 2.0]);
    save_gguf(&path, [("x", &x)], &BTreeMap::new()).unwrap();
    let before = fs::read(&path).unwrap();
    let with = |name: &str, value| BTreeMap::from([(name.to_owned(), value)]);
    let brain = x.astype(Dtype::Bfloat16).unwrap();
    let deep = Array::ones([1; 9], Dtype::Float32).unwrap();
    for (arrays, metadata, says) in [
        (vec![("x", &brain)], metadata(), "x is bfloat16, which MLX does not write: convert it with astype"),
        (vec![("x", &deep)], metadata(), "x has 9 axes, more than 8"),
        (vec![("x", &x), ("x", &x)], metadata(), "the name x is taken"),
        (vec![], with("k", GgufValue::Array(brain.clone())), "array type bfloat16 not support for metadata."),
        (vec![], with("k", GgufValue::Array(Array::ones([2, 2], Dtype::Int32).unwrap())), "one dimension."),
        (vec![], with("k", GgufValue::Array(Array::zeros([0], Dtype::Int32).unwrap())), "empty arrays."),
        (vec![], with("general.alignment", GgufValue::Array(Array::from(64_u32))), "with an alignment of 32"),
        (vec![], with("k", GgufValue::String("a\0".to_owned())), "\"a\\0\" holds a zero byte"),
        (vec![], with("k", GgufValue::Strings(vec!["a\0".to_owned()])), "\"a\\0\" holds a zero byte"),
        (vec![("a\0b", &x)], metadata(), "\"a\\0b\" holds a zero byte"),
    ] {
        let error = save_gguf(&path, arrays, &metadata).unwrap_err();
        assert!(error.message().ends_with(says), "{error}");
        assert_eq!(error.at().file(), file!());
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
    assert!(save_gguf(folder.path().join("none/x.gguf"), [("x", &x)], &BTreeMap::new()).is_err());
}

#[test]
fn a_file_that_may_only_be_read_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gguf");
    save_gguf(&path, [("x", &Array::from([1.0]))], &BTreeMap::new()).unwrap();
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(load_gguf(&path).unwrap().arrays["x"].to_vec::<f32>().unwrap(), [1.0]);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(load_gguf(folder.path()).unwrap_err().message().ends_with("it is not a file"));
}
