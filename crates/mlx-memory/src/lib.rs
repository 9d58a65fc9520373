//! Memory of programs that use MLX.

#![forbid(unsafe_code)]

mod bytes;
mod error;
mod machine;

pub use bytes::Bytes;
pub use error::{Error, Result};
pub use machine::{Gpu, Machine, Memory};
