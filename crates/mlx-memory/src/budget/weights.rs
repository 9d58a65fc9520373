//! The size of weights in files.

use std::path::Path;

use mlx_core::{Dtype, io};

use crate::{Bytes, Result};

/// The bytes that the tensors of safetensors files take once they are loaded. Only headers are read.
///
/// With a `dtype`, floats count as that type, as a loader converts them; packed weights stay what they are.
///
/// # Errors
/// A file is missing, is no safetensors file, or is not as long as its header says.
pub fn weights_of(files: impl IntoIterator<Item = impl AsRef<Path>>, dtype: Option<Dtype>) -> Result<Bytes> {
    let mut total = Bytes::ZERO;
    for file in files {
        for array in io::load_safetensors(file)?.arrays.values() {
            let size = dtype.filter(|_| array.dtype().is_float()).unwrap_or(array.dtype()).size();
            total += Bytes::from(size) * array.size() as u64;
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use mlx_core::{Array, memory};
    use tempfile::TempDir;

    use super::*;

    /// Two files with 100 floats and 50 packed words each.
    fn files() -> (TempDir, [std::path::PathBuf; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b"].map(|name| folder.path().join(name).with_extension("safetensors"));
        let floats = Array::zeros([10, 10], Dtype::Float32).unwrap();
        let packed = Array::zeros([50], Dtype::Uint32).unwrap();
        for path in &paths {
            io::save_safetensors(path, [("floats", &floats), ("packed", &packed)], &BTreeMap::new()).unwrap();
        }
        (folder, paths)
    }

    #[test]
    fn tensors_of_all_files_are_counted() {
        let (_folder, paths) = files();
        assert_eq!(weights_of(&paths, None).unwrap(), 2 * (400 + 200));
    }

    #[test]
    fn a_conversion_changes_floats_and_leaves_packed_words() {
        let (_folder, paths) = files();
        assert_eq!(weights_of(&paths, Some(Dtype::Bfloat16)).unwrap(), 2 * (200 + 200));
    }

    #[test]
    fn nothing_but_the_header_is_read() {
        let (_folder, [path, _]) = files();
        let large = Array::zeros([1 << 20], Dtype::Float32).unwrap();
        io::save_safetensors(&path, [("large", &large)], &BTreeMap::new()).unwrap();
        drop(large);
        memory::reset_peak().unwrap();
        assert_eq!(weights_of([&path], None).unwrap(), Bytes::mib(4));
        assert!(memory::peak().unwrap() < 1 << 20, "{}", memory::peak().unwrap());
    }

    #[test]
    fn a_file_that_is_cut_off_is_named() {
        let (_folder, [path, _]) = files();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, whole.split_at(whole.len() - 1).0).unwrap();
        let message = weights_of([&path], None).unwrap_err().to_string();
        assert!(message.contains("a.safetensors"), "{message}");
    }
}
