//! Safe Rust for Apple's MLX: lazy arrays on CPU, CUDA and Metal.
//!
//! Start with [`Array`]; most ops are its methods. Those of several arrays are functions: [`concatenate`],
//! [`stack`], [`select`], [`einsum`], and those of [`fast`], [`fft`], [`linalg`], [`random`]. Parts are read with
//! [`Array::index`] and changed with [`Array::at`]. Nothing is computed until an array is read or passed to [`eval`].
//!
//! - Gradients, batches, compiled and exported functions: [`transform`].
//! - Files: [`io`]. Several processes: [`distributed`]. Ops of your own: [`kernel`].
//! - Arrays stay on their thread; [`Frozen`] data may leave it, and an [`Owner`] keeps a model on one.
//!
//! ```
//! use mlx_core::prelude::*;
//!
//! fn main() -> Result<()> {
//!     let x = Array::from([[1.0, 2.0], [3.0, 4.0]]);
//!     let y = (x.matmul(&x)? + 1.0)?;
//!     assert_eq!(y.sum(..)?.item::<f32>()?, 58.0);
//!     Ok(())
//! }
//! ```
//!
//! Where the work runs is chosen by a lexical scope: [`Device::scope`], [`Stream::scope`].

#![deny(unsafe_code)]

mod array;
mod axes;
pub mod cpu;
pub mod cuda;
mod device;
pub mod distributed;
mod dtype;
mod element;
mod error;
mod eval;
pub mod fast;
#[allow(unsafe_code)]
mod ffi;
pub mod fft;
mod frozen;
pub mod io;
pub mod kernel;
pub mod linalg;
pub mod memory;
pub mod metal;
#[cfg(doctest)]
mod misuse;
mod ops;
mod owner;
pub mod prelude;
pub mod random;
mod scalar;
mod stream;
pub mod transform;

pub use array::{Array, At, Index, Interval, IntoIndices, Iter, Layout, NewAxis, Operand, Slice, Steps};
pub use axes::{Axes, Scan, keep};
pub use device::{Device, DeviceInfo, Fact};
pub use dtype::{Category, Dtype, FloatInfo, IntInfo};
pub use element::{Complex64, Element};
pub use error::{Error, Kind, Result};
pub use eval::{async_eval, eval};
pub use frozen::{Freeze, Frozen, Thaw};
pub use half::{bf16, f16};
pub use mlx_cpu::quantized::Precision;
pub use mlx_derive::Tree;
pub use ops::{
    BlockMasks, Closeness, Contraction, Conv, ConvGeneral, ConvTranspose, ConvolveMode, Diagonal, EinsumPath,
    GlobalScales, Indexing, Limits, MatrixIndices, NanToNum, PadMode, Quantization, QuantizationMode,
    Quantized, QuantizedFactor, Side, Update, broadcast_arrays, broadcast_shapes, concatenate, einsum,
    einsum_path, meshgrid, select, stack,
};
pub use owner::{Owner, Pending};
pub use scalar::Scalar;
pub use stream::Stream;
pub use transform::Tree;

/// The version of libmlx that is loaded, such as `0.32.2`.
#[track_caller]
pub fn version() -> Result<String> {
    ffi::version()
}
