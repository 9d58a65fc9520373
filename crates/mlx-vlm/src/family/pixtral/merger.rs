//! Squares of patches that become one: Mistral 3.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Linear, Module, RmsNorm, Weights};

use crate::Result;

/// Puts the patches of a square side by side, feature by feature, and makes one as wide of them.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Merger {
    norm: RmsNorm,
    merging_layer: Linear,
    merge: i32,
}

impl Merger {
    /// The parts in the scope `w` of the projector.
    pub(super) fn load(w: &Weights, width: i32, merge: i32, eps: f32) -> Result<Self> {
        Ok(Self {
            norm: w.rms_norm("norm", width, eps)?,
            merging_layer: w.at("patch_merger").linear("merging_layer", [width, width * merge * merge])?,
            merge,
        })
    }

    /// `[patches, width] -> [patches / merge², width]`, of patches in so many rows and columns.
    pub(super) fn forward(&self, x: &Array, [rows, columns]: [i32; 2]) -> MlxResult<Array> {
        let (merge, width) = (self.merge, x.dim(-1)?);
        let (down, across) = (rows / merge, columns / merge);
        let apart = self.norm.forward(x)?.reshape([down, merge, across, merge, width])?;
        let squares = apart.transpose([0, 2, 4, 1, 3])?.reshape([down * across, width * merge * merge])?;
        self.merging_layer.forward(&squares)
    }
}
