//! Root mean square normalisation.

use mlx_core::{Array, Result, fast};

use crate::Module;
use crate::layer::layers;

/// Divides vectors by their root mean square and scales each feature.
///
/// Zhang and Sennrich, "Root Mean Square Layer Normalization".
#[derive(Clone, Debug, Module)]
pub struct RmsNorm {
    weight: Array,
    eps: f32,
}

impl RmsNorm {
    /// A layer with scales `[width]`; `eps` is added to the mean square.
    pub fn new(weight: Array, eps: f32) -> Self {
        Self { weight, eps }
    }

    /// `[…, width] -> […, width]`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        fast::rms_norm(x, Some(&self.weight), self.eps)
    }

    /// The scales, and what is added to the mean square.
    pub fn parts(&self) -> (&Array, f32) {
        (&self.weight, self.eps)
    }

    /// `x + y`, and what [`forward`](Self::forward) gives for it.
    #[track_caller]
    pub fn forward_sum(&self, x: &Array, y: &Array) -> Result<(Array, Array)> {
        fast::add_rms_norm(x, y, &self.weight, self.eps)
    }
}

layers!(RmsNorm);
