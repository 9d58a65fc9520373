//! What most programs need in scope.

pub use crate::{Array, Device, Dtype, Result, keep};
