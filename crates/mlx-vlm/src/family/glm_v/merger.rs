//! From squares of patches to vectors of the decoder.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{LayerNorm, LayerNormOptions, Linear, Module, Weights, gelu};
use mlx_vision::{FeedForward, PatchEmbedding, PatchSizes};

use super::config::Vision;
use crate::Result;

/// Makes one vector of each square, and what the decoder takes of that.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Merger {
    /// A convolution whose steps are as long as its kernel.
    downsample: PatchEmbedding,
    proj: Linear,
    post_projection_norm: LayerNorm,
    gates: FeedForward,
    square: i32,
}

impl Merger {
    /// The layers `downsample` and `merger` of the tower at the path of `w`.
    pub(super) fn load(w: &Weights, config: &Vision) -> Result<Self> {
        let (output, square) = (config.output, config.merge * config.merge);
        let sizes = PatchSizes { frames: 1, edge: config.merge, channels: config.width };
        let merger = w.at("merger");
        let norm = merger.at("post_projection_norm");
        let inner = [output, config.merger_inner];
        Ok(Self {
            downsample: PatchEmbedding::load(&w.at("downsample"), output, sizes, true)?,
            proj: merger.linear_with_bias("proj", [output, output], false)?,
            post_projection_norm: LayerNorm::load(&norm, output, LayerNormOptions::default())?,
            gates: FeedForward::gated(&merger, inner, false, config.activation()?)?,
            square: square * config.width,
        })
    }

    /// `[patches, width] -> [patches / merge², hidden]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let x = self.proj.forward(&self.downsample.forward(&x.reshape([-1, self.square])?)?)?;
        self.gates.alone(&gelu(&self.post_projection_norm.forward(&x)?)?)
    }
}
