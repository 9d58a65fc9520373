//! Memory of programs that use MLX.

#![forbid(unsafe_code)]

mod budget;
mod bytes;
mod error;
mod machine;

pub use budget::{Budget, KvCache, KvElements, KvHeads, KvLayer, Part, Prefill, Purpose, weights_of};
pub use bytes::Bytes;
pub use error::{Error, Result};
pub use machine::{Gpu, Machine, Memory};
