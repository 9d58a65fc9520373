//! Ops by family; each is a method of [`Array`](crate::Array) unless it takes several arrays at once.

mod binary;
mod broadcast;
mod cast;
mod diagonal;
pub(crate) mod division;
mod gather;
mod join;
mod matmul;
mod pad;
mod places;
mod quantize;
mod reduce;
mod scan;
mod scatter;
mod shape;
pub(crate) mod shift;
mod slice;
mod sort;
mod split;
mod unary;

pub use binary::{Closeness, Limits};
pub use broadcast::{Indexing, broadcast_arrays, broadcast_shapes, meshgrid};
pub use diagonal::Diagonal;
pub use join::{concatenate, select, stack};
pub use pad::PadMode;
pub(crate) use places::broadcast_shape;
pub use quantize::{Quantization, QuantizationMode, Quantized};
pub use scatter::Update;
pub use sort::Side;
pub use unary::NanToNum;
