//! What normalised features are scaled and moved by.

use mlx_core::{Array, Result};

use crate::Module;

/// A scale and perhaps an offset for each feature, both `[width]`.
#[derive(Clone, Debug, Module)]
pub struct Affine {
    /// The scales.
    pub weight: Array,
    /// The offsets.
    pub bias: Option<Array>,
}

impl Affine {
    /// `[…, width] -> […, width]`.
    #[track_caller]
    pub(super) fn forward(&self, x: Array) -> Result<Array> {
        let scaled = x * &self.weight;
        match &self.bias {
            Some(bias) => scaled? + bias,
            None => scaled,
        }
    }
}
