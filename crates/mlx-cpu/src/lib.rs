//! Kernels of neural networks for CPUs, over slices, without any array library.
//!
//! Each kernel is written once over vectors and compiled for several [`Level`]s, of which [`Level::best`] is what the
//! processor has. Work is shared among [`threads`]. Start with [`quantized::multiply`] and
//! [`attention::attention`].

#![deny(unsafe_code)]

pub mod arithmetic;
pub mod attention;
pub mod choice;
pub mod convolution;
pub mod dense;
mod function;
pub mod gate;
mod gather;
mod level;
pub mod norm;
mod numbers;
mod places;
#[allow(unsafe_code)]
mod pool;
mod product;
pub mod quantized;
pub mod rope;
mod rows;
mod scratch;
#[allow(unsafe_code)]
mod simd;
mod singles;
pub mod softmax;
mod sums;

pub use gather::Pairs;
pub use level::{Level, features};
pub use numbers::{Numbers, NumbersMut};
pub use pool::threads;
