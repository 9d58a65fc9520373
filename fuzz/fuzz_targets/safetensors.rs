//! Any bytes as a safetensors file: an error, or arrays that can be read.

#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use mlx_core::io::load_safetensors;
use mlx_core::{Array, Dtype};

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let Ok(loaded) = load_safetensors(file.path()) else { return };
    for (name, array) in &loaded.arrays {
        assert!(array.nbytes() <= bytes.len(), "{name} claims {} bytes", array.nbytes());
        let values = read(array);
        assert_eq!(values, array.nbytes(), "{name}");
    }
});

/// How many bytes an array gives when it is read.
fn read(array: &Array) -> usize {
    let bytes = array.reshape([-1]).and_then(|flat| flat.view(Dtype::Uint8));
    bytes.and_then(|bytes| bytes.to_vec::<u8>()).unwrap().len()
}
