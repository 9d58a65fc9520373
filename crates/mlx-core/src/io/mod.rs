//! Arrays in files.

mod safetensors;

pub use safetensors::{Safetensors, load_safetensors, save_safetensors};
