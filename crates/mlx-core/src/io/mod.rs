//! Arrays in files: safetensors, npy, npz and GGUF.
//!
//! `load_…` and `save_…` take paths, `read_…` and `write_…` Rust's readers and writers; [`load`] goes by the
//! ending of a name. Files are checked before MLX sees them, and replaced whole.

mod file;
mod gguf;
mod gguf_header;
mod npy;
mod npy_header;
mod npz;
mod safetensors;
mod shard;
mod tensor_header;

use std::collections::BTreeMap;
use std::path::Path;

pub use gguf::{Gguf, GgufValue, load_gguf, read_gguf, save_gguf, write_gguf};
pub use npy::{load_npy, read_npy, save_npy, write_npy};
pub use npz::{Compression, load_npz, read_npz, save_npz, write_npz};
pub use safetensors::{Safetensors, load_safetensors, read_safetensors, save_safetensors, write_safetensors};
pub use shard::{load_sharded, save_sharded, shards};

use crate::{Array, Result};

/// What a file of any format holds.
#[derive(Debug)]
pub enum Loaded {
    /// The one array of an npy file.
    Array(Array),
    /// The arrays of another file, by name.
    Arrays(BTreeMap<String, Array>),
}

/// Loads a file by the ending of its name: `npy`, `npz`, `safetensors` or `gguf`.
///
/// ```
/// use mlx_core::{Array, io};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("x.npy");
/// io::save_npy(&path, &Array::from([1.0, 2.0]))?;
/// let io::Loaded::Array(x) = io::load(&path)? else { panic!("npy is one array") };
/// assert_eq!(x.to_vec::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
///
/// # Errors
/// The name ends otherwise, or those of the format's own function.
#[track_caller]
pub fn load(path: impl AsRef<Path>) -> Result<Loaded> {
    let path = path.as_ref();
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("npy") => load_npy(path).map(Loaded::Array),
        Some("npz") => load_npz(path).map(Loaded::Arrays),
        Some("safetensors") => load_safetensors(path).map(|file| Loaded::Arrays(file.arrays)),
        Some("gguf") => load_gguf(path).map(|file| Loaded::Arrays(file.arrays)),
        _ => {
            let why = "its name ends neither in npy, npz, safetensors nor gguf".to_owned();
            file::about("load", path.display(), Err(why))
        }
    }
}
