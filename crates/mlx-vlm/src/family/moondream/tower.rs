//! The tower: SigLIP by other names.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{LayerNorm, Linear, Module, Weights};
use mlx_vision::{AttentionNames, Encoder, LayerNames};

use super::config::Vision;
use crate::Result;

/// Patches of a square in, a vector of each out.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Tower {
    patch_emb: Linear,
    pos_emb: Array,
    blocks: Encoder,
    post_ln: LayerNorm,
}

const NAMES: LayerNames<'_> = LayerNames {
    norms: ["ln1", "ln2"],
    attention: "attn",
    projections: AttentionNames::Fused(["qkv", "proj"]),
};

impl Tower {
    pub(super) fn load(w: &Weights, vision: &Vision) -> Result<Self> {
        let (encoder, edge) = (vision.encoder(), vision.patch_size);
        let (width, places) = (encoder.width, vision.side() * vision.side());
        // Checkpoints have the numbers of a patch channel by channel.
        let (patch, numbers) = (w.at("patch_emb"), 3 * edge * edge);
        let weight = patch.array("weight", [width, numbers])?.reshape([width, 3, edge, edge])?;
        let weight = weight.transpose([0, 2, 3, 1])?.reshape([width, numbers])?;
        Ok(Self {
            patch_emb: Linear::new(weight, Some(patch.array("bias", [width])?)),
            pos_emb: w.array("pos_emb", [1, places, width])?,
            blocks: Encoder::named(w, "blocks", &encoder, NAMES)?,
            post_ln: encoder.norm(w, "post_ln")?,
        })
    }

    /// Patches `[1, rows, columns, numbers]` to `[rows, columns, width]`.
    pub(super) fn forward(&self, patches: &Array) -> MlxResult<Array> {
        let [_, rows, columns, _] = patches.dims()?;
        let x =
            (self.patch_emb.forward(&patches.astype(self.pos_emb.dtype())?.flatten(1, 2)?)? + &self.pos_emb)?;
        let x = self.post_ln.forward(&self.blocks.forward(x.flatten(0, 1)?, &[])?)?;
        x.reshape([rows, columns, -1])
    }
}
