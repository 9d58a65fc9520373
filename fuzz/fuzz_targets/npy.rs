//! Any bytes as an npy file and as an npz archive: an error, or arrays that can be read.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use mlx_core::io::{read_npy, read_npz};
use mlx_core_fuzz::read;

fuzz_target!(|bytes: Vec<u8>| {
    if let Ok(arrays) = read_npz(Cursor::new(&bytes)) {
        for (name, array) in &arrays {
            read(name, array);
        }
    }
    let length = bytes.len();
    let Ok(array) = read_npy(Cursor::new(bytes)) else { return };
    assert!(array.nbytes() <= length, "it claims {} bytes", array.nbytes());
    read("npy", &array);
});
