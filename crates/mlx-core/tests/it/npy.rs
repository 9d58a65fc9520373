//! Npy files: what NumPy and MLX write, damaged ones, and readers and writers of all sorts.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use mlx_core::io::{load_npy, read_npy, save_npy, write_npy};
use mlx_core::{Array, Complex64, Dtype, Kind, Slice, bf16};

use crate::values::on_cpu;

/// A file of version 1 as NumPy writes it.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn header(descr: &str, fortran: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}          \n")
}

fn read(bytes: Vec<u8>) -> mlx_core::Result<Array> {
    read_npy(Cursor::new(bytes))
}

#[track_caller]
fn refused(bytes: Vec<u8>) -> String {
    let error = read(bytes).unwrap_err();
    assert_eq!((error.kind(), error.op()), (Kind::Io, "read_npy"), "{error}");
    error.message().strip_prefix("the reader: ").unwrap().to_owned()
}

#[test]
fn every_dtype_comes_back_through_a_file_and_through_memory() {
    on_cpu(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        let x = Array::from([[0.0, 1.0, 2.0], [3.0, 100.0, 5.0]]);
        for dtype in Dtype::ALL {
            let array = x.astype(dtype).unwrap();
            save_npy(&path, &array).unwrap();
            let mut bytes = Vec::new();
            write_npy(&mut bytes, &array).unwrap();
            assert_eq!(bytes, fs::read(&path).unwrap(), "{dtype}");
            for back in [load_npy(&path).unwrap(), read(bytes).unwrap()] {
                assert_eq!((back.shape(), back.dtype()), (array.shape(), dtype));
                assert!(back.equal(&array).unwrap().all(..).unwrap().item::<bool>().unwrap(), "{dtype}");
            }
        }
    });
}

#[test]
fn shapes_of_no_one_and_many_axes_come_back() {
    for shape in [&[][..], &[1], &[0], &[3, 0, 2], &[1, 1, 1], &[2, 3, 1, 2]] {
        let array = Array::ones(shape, Dtype::Int16).unwrap();
        let mut bytes = Vec::new();
        write_npy(&mut bytes, &array).unwrap();
        let back = read(bytes).unwrap();
        assert_eq!(back.shape(), shape);
        assert_eq!(back.to_vec::<i16>().unwrap(), vec![1; array.size()]);
    }
}

#[test]
fn arrays_in_any_layout_are_written_in_their_own_order() {
    let x = Array::arange(0..24).unwrap().reshape([2, 3, 4]).unwrap();
    let reversed = x.index((Slice::step_by(.., -1), 1.., Slice::step_by(.., 2))).unwrap();
    let broadcast = Array::from([[1], [2]]).broadcast_to([2, 3]).unwrap();
    for array in [x.t().unwrap(), x.transpose([1, 0, 2]).unwrap(), reversed, broadcast] {
        let mut bytes = Vec::new();
        write_npy(&mut bytes, &array).unwrap();
        let back = read(bytes).unwrap();
        assert_eq!(back.shape(), array.shape());
        assert_eq!(back.to_vec::<i32>().unwrap(), array.to_vec::<i32>().unwrap());
    }
}

#[test]
fn both_orders_of_numpy_are_read() {
    let data = [1_u8, 2, 3, 4, 5, 6];
    let rows = read(file(&header("|u1", "False", "(2, 3)"), &data)).unwrap();
    assert_eq!(rows.to_vec::<u8>().unwrap(), data);
    let columns = read(file(&header("|u1", "True", "(2, 3)"), &data)).unwrap();
    assert_eq!((columns.shape(), columns.to_vec::<u8>().unwrap()), (&[2, 3][..], vec![1, 3, 5, 2, 4, 6]));
}

#[test]
fn headers_of_any_version_and_spelling_are_read() {
    let text = "{'shape':(2,),\"fortran_order\" : False , 'descr': '<i2'}";
    let wanted = [258_i16, -1];
    let data = [2, 1, 255, 255];
    assert_eq!(read(file(text, &data)).unwrap().to_vec::<i16>().unwrap(), wanted);
    for version in [2, 3] {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend(data);
        assert_eq!(read(bytes).unwrap().to_vec::<i16>().unwrap(), wanted);
    }
    let old = header("=i2", "False", "(2L,)");
    assert_eq!(read(file(&old, &data)).unwrap().to_vec::<i16>().unwrap(), wanted);
    assert_eq!(read(file(&header("<i2", "False", "()"), &data)).unwrap().item::<i16>().unwrap(), 258);
}

#[test]
fn bytes_of_truth_values_and_of_two_byte_voids_are_what_mlx_means() {
    let truths = read(file(&header("|b1", "False", "(4,)"), &[0, 1, 2, 255])).unwrap();
    assert_eq!(truths.to_vec::<bool>().unwrap(), [false, true, true, true]);
    assert_eq!(truths.astype(Dtype::Int32).unwrap().to_vec::<i32>().unwrap(), [0, 1, 1, 1]);
    for descr in ["<V2", "|V2"] {
        let brain = read(file(&header(descr, "False", "(1,)"), &[0x80, 0x3f])).unwrap();
        assert_eq!(brain.item::<bf16>().unwrap(), bf16::ONE);
    }
    let complex = read(file(&header("<c8", "False", "(1,)"), &[0, 0, 128, 63, 0, 0, 0, 192])).unwrap();
    assert_eq!(complex.item::<Complex64>().unwrap(), Complex64 { re: 1.0, im: -2.0 });
}

#[test]
fn what_mlx_has_no_type_for_is_refused_by_name() {
    for (descr, says) in [
        (">f4", "its header: >f4 has its bytes in big-endian order: save it in little-endian"),
        (">c8", "its header: >c8 has its bytes in big-endian order: save it in little-endian"),
        ("|O", "its header: it holds Python objects, which only Python reads"),
        ("<U3", "its header: MLX has no type for <U3"),
        ("<f16", "its header: MLX has no type for <f16"),
        ("<M8[ns]", "its header: MLX has no type for <M8[ns]"),
        ("", "its header: MLX has no type for "),
        ("é", "its header: MLX has no type for é"),
    ] {
        assert_eq!(refused(file(&header(descr, "False", "(1,)"), &[0; 16])), says);
    }
    assert_eq!(read(file(&header(">u1", "False", "(1,)"), &[7])).unwrap().item::<u8>().unwrap(), 7);
    let fields = "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,), }\n";
    assert_eq!(refused(file(fields, &[0; 4])), "its header: it is of several fields");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, cut) = (folder.path().join("whole.npy"), folder.path().join("cut.npy"));
    save_npy(&whole, &Array::from([[1.0, 2.0], [3.0, 4.0]])).unwrap();
    let bytes = fs::read(&whole).unwrap();
    for length in 0..bytes.len() {
        fs::write(&cut, &bytes[..length]).unwrap();
        let error = load_npy(&cut).unwrap_err();
        assert!(error.message().starts_with(&cut.display().to_string()), "{error}");
        refused(bytes[..length].to_vec());
    }
    let last = refused(bytes[..bytes.len() - 1].to_vec());
    assert_eq!(last, "float32 [2, 2] takes 16 bytes and 15 are there: it is cut off or damaged");
}

#[test]
fn a_header_changed_at_any_byte_is_an_error_or_an_array_of_its_bytes() {
    let whole = file(&header("<i2", "False", "(2, 3)"), &[1; 12]);
    for at in 0..whole.len() {
        for byte in [0, b'-', b'9', b'(', b'}', 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            if let Ok(array) = read(bytes) {
                assert!(array.nbytes() <= 12 && array.eval().is_ok(), "{byte} at {at}: {array:?}");
            }
        }
    }
}

#[test]
fn impossible_shapes_are_refused() {
    for (shape, says) in [
        ("(-1,)", "its header: a length in its shape: "),
        ("(2147483648,)", "its header: a length in its shape: "),
        ("(99999999999999999999,)", "its header: a length in its shape: "),
        ("(2147483647, 2147483647, 4)", "shape [2147483647, 2147483647, 4] is impossible"),
        ("(65536, 65536, 65536, 65536)", "shape [65536, 65536, 65536, 65536] is impossible"),
        ("(1000000,)", "float32 [1000000] takes 4000000 bytes and 4 are there"),
        ("(1.5,)", "its header: ')' is missing"),
        ("3", "its header: '(' is missing"),
        ("(,)", "its header: a length in its shape: "),
        ("(1,", "its header: a length in its shape: "),
    ] {
        let why = refused(file(&header("<f4", "False", shape), &[0; 4]));
        assert!(why.starts_with(says), "{shape}: {why}");
    }
    let many = format!("({})", "1, ".repeat(65));
    assert_eq!(refused(file(&header("|u1", "False", &many), &[0])), "its header: it has more than 64 axes");
}

#[test]
fn headers_that_are_no_headers_are_refused() {
    for text in [
        "",
        "{}",
        "[]",
        "{'descr': '<f4'}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} 1",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        "{'descr': '<f4 , 'fortran_order': False, 'shape': (1,)}",
    ] {
        assert!(refused(file(text, &[0; 4])).starts_with("its header: "), "{text}");
    }
    assert_eq!(refused(b"PK\x03\x04 and more of it".to_vec()), "it does not begin as an npy file does");
    assert_eq!(refused(b"\x93NUMPY\x09\x00\x00\x00".to_vec()), "npy version 9 is not known: 1 to 3 are");
    let huge = b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec();
    assert_eq!(refused(huge), "it claims a header of 4294967295 bytes, where 10000 is much");
}

#[test]
fn arrays_one_after_the_other_in_a_reader_are_read_from_where_it_stands() {
    let mut bytes = vec![9; 5];
    write_npy(&mut bytes, &Array::from([1, 2])).unwrap();
    let mut cursor = Cursor::new(bytes);
    cursor.set_position(5);
    assert_eq!(read_npy(cursor).unwrap().to_vec::<i32>().unwrap(), [1, 2]);
}

#[test]
fn a_name_without_the_ending_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain");
    save_npy(&path, &Array::from(1)).unwrap();
    assert_eq!(load_npy(&path).unwrap().item::<i32>().unwrap(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn places_that_cannot_be_read_or_written_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("none/x.npy");
    for error in [load_npy(&deep).unwrap_err(), save_npy(&deep, &Array::from(1)).unwrap_err()] {
        assert!(error.message().starts_with(&deep.display().to_string()), "{error}");
        assert_eq!(error.at().file(), file!());
    }
    assert!(load_npy(folder.path()).unwrap_err().message().ends_with("it is not a file"));
    assert!(load_npy(Path::new("/dev/null")).unwrap_err().message().ends_with("it is not a file"));
}
