//! What normalised features are scaled and moved by.

use mlx_core::{Array, Result};

use super::filled;
use crate::{Module, Weights};

/// A scale and perhaps an offset for each feature, both `[width]`.
#[derive(Clone, Debug, Module)]
pub struct Affine {
    /// The scales.
    pub weight: Array,
    /// The offsets.
    pub bias: Option<Array>,
}

impl Affine {
    /// The scales and perhaps offsets of `width` features at the path of `w`, which start as ones and zeros.
    pub fn load(w: &Weights, width: i32, bias: bool) -> crate::Result<Self> {
        Ok(Self {
            weight: filled(w, "weight", width, 1)?,
            bias: bias.then(|| filled(w, "bias", width, 0)).transpose()?,
        })
    }

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
