//! Kernels of neural networks for CPUs, over slices, without any array library.
//!
//! Each kernel is written once over vectors and compiled for several [`Level`]s, of which [`Level::best`] is what the
//! processor has. Work is shared among [`threads`]. Start with [`quantized::multiply`] and
//! [`attention::attention`].

#![deny(unsafe_code)]

pub mod attention;
pub mod convolution;
pub mod dense;
mod gather;
mod level;
mod numbers;
#[allow(unsafe_code)]
mod pool;
mod product;
pub mod quantized;
mod scratch;
#[allow(unsafe_code)]
mod simd;
mod singles;

pub use gather::Pairs;
pub use level::Level;
pub use numbers::{Numbers, NumbersMut};
pub use pool::threads;
