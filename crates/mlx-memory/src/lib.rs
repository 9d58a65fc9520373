//! Memory of programs that use MLX.

#![forbid(unsafe_code)]

mod bytes;
mod error;

pub use bytes::Bytes;
pub use error::{Error, Result};
