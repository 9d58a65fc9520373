//! GGUF files: reading them as they are, and presenting them as Hugging Face checkpoints.
//!
//! [`Container`] knows the format: metadata and tensors under the file's own names.
//! [`Gguf`] lies on top and speaks Hugging Face: `config.json` keys, tensor names, tokenizer.
//! Quantized blocks that MLX's affine layout represents exactly stay quantized ([`Affine`]).

mod architecture;
mod checkpoint;
mod config;
mod container;
mod family;
mod file;
mod format;
mod header;
mod quant;
mod reader;
mod rope;
mod row;
mod stream;
mod tensor;
mod tokenizer;
mod value;

pub use checkpoint::Gguf;
pub use container::Container;
pub use format::{Format, Layout};
pub use header::TensorInfo;
pub use stream::Stream;
pub use tensor::{Affine, Data, Floats, Tensor};
pub use tokenizer::TokenizerData;
pub use value::{Array, Value};
