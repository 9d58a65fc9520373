//! Ops by family; each is a method of [`Array`](crate::Array) unless it takes several arrays at once.

mod binary;
mod cast;
pub(crate) mod division;
mod gather;
mod join;
mod matmul;
mod quantize;
mod reduce;
mod shape;
mod sort;
mod unary;

pub use join::{concatenate, select, stack};
pub use quantize::{Quantization, QuantizationMode, Quantized};
