//! Any bytes as a GGUF file: an error, or arrays that can be read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlx_core::io::{GgufValue, read_gguf};
use mlx_core_fuzz::read;

fuzz_target!(|bytes: &[u8]| {
    let Ok(loaded) = read_gguf(bytes) else { return };
    for (name, array) in &loaded.arrays {
        read(name, array);
    }
    for (name, value) in &loaded.metadata {
        if let GgufValue::Array(array) = value {
            read(name, array);
        }
    }
});
