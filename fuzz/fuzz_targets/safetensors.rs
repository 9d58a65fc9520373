//! Any bytes as a safetensors file: an error, or arrays that can be read.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use mlx_core::io::read_safetensors;
use mlx_core_fuzz::read;

fuzz_target!(|bytes: Vec<u8>| {
    let length = bytes.len();
    let Ok(loaded) = read_safetensors(Cursor::new(bytes)) else { return };
    for (name, array) in &loaded.arrays {
        assert!(array.nbytes() <= length, "{name} claims {} bytes", array.nbytes());
        read(name, array);
    }
});
