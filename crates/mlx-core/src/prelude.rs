//! What most programs need in scope.

pub use crate::{Array, Device, Dtype, Freeze, Result, Thaw, keep};
