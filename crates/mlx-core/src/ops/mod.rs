//! Ops by family; each is a method of [`Array`](crate::Array) unless it takes several arrays at once.

mod binary;
mod cast;
pub(crate) mod division;
mod gather;
mod join;
mod matmul;
mod places;
mod quantize;
mod reduce;
mod scatter;
mod shape;
mod slice;
mod sort;
mod unary;

pub use join::{concatenate, select, stack};
pub(crate) use places::broadcast_shape;
pub use quantize::{Quantization, QuantizationMode, Quantized};
pub use scatter::Update;
pub use sort::Side;
