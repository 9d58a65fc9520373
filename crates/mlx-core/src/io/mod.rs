//! Arrays in files.

mod header;
mod safetensors;

pub use safetensors::{Safetensors, load_safetensors, save_safetensors};
