//! Ops by family; each is a method of [`Array`](crate::Array) unless it takes several arrays at once.

mod binary;
mod cast;
mod convolution;
pub(crate) mod division;
mod einsum;
mod gather;
mod join;
mod matmul;
mod quantize;
mod quantized_matmul;
mod reduce;
mod shape;
mod sort;
mod unary;

pub use convolution::{Conv, ConvGeneral, ConvTranspose, ConvolveMode};
pub use einsum::{EinsumPath, einsum, einsum_path};
pub use join::{concatenate, select, stack};
pub use matmul::{BlockMasks, Contraction, MatrixIndices};
pub use quantize::{Quantization, QuantizationMode, Quantized};
pub use quantized_matmul::{GlobalScales, QuantizedFactor};
