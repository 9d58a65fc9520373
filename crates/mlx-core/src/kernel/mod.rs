//! Ops of your own: a kernel in Rust for the CPU, or in Metal's or CUDA's language for a GPU.
//!
//! A kernel takes part in the lazy graph like any op of MLX. Start with [`Primitive`] for the CPU,
//! [`MetalKernel`] and [`CudaKernel`] for a GPU.

mod launch;
mod primitive;

pub use crate::ffi::gpu::{CudaKernel, MetalKernel};
pub use crate::ffi::primitive::{Input, Output, Strided};
pub use launch::{CudaOptions, Launch, MetalOptions, Template};
pub(crate) use primitive::Kernel;
pub use primitive::{Failure, Primitive, Spec, apply};
