//! The layers of CLIP over what SAM saw, in the place of patches.

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{LayerNorm, Module, Weights};
use mlx_vision::{Activation, AttentionNames, Between, Encoder, EncoderSizes, LayerNames};

use super::config::Clip as Sizes;
use crate::Result;

/// A class and vectors in, vectors out.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Clip {
    class_embedding: Array,
    /// The place of the class, then those of a square.
    position_embedding: Array,
    pre_layrnorm: LayerNorm,
    encoder: Encoder,
    side: i32,
}

impl Clip {
    pub(super) fn load(w: &Weights, sizes: &Sizes) -> Result<Self> {
        let (embeddings, width, side) = (w.at("embeddings"), sizes.width, sizes.side());
        // Its own patches are not used.
        w.ignore(|key| key.ends_with("embeddings.position_ids") || key.ends_with("patch_embedding.weight"));
        let projections = AttentionNames::Fused(["qkv_proj", "out_proj"]);
        let names = LayerNames { projections, ..LayerNames::default() };
        let encoder = EncoderSizes {
            layers: sizes.layers,
            width,
            inner: 4 * width,
            heads: sizes.heads,
            eps: 1e-5,
            activation: Activation::QuickGelu,
        };
        Ok(Self {
            class_embedding: embeddings.array("class_embedding", [width])?,
            position_embedding: embeddings.array("position_embedding.weight", [side * side + 1, width])?,
            pre_layrnorm: encoder.norm(w, "pre_layrnorm")?,
            encoder: Encoder::named(w, "transformer.layers", &encoder, names)?,
            side,
        })
    }

    /// `[images, rows, columns, width]` to as much.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let shape: [i32; 4] = x.dims()?;
        let [images, rows, columns, width] = shape;
        let (first, square) = (self.position_embedding.index(..1)?, self.position_embedding.index(1..)?);
        let places = if [rows, columns] == [self.side; 2] {
            square
        } else {
            Between::SmoothCubic.resample(&square, self.side, [rows, columns])?
        };
        let class = (&self.class_embedding + first)?.reshape([1, 1, width])?;
        let vectors = (x.flatten(1, 2)? + places)?;
        let all =
            concatenate([&class.broadcast_to([images, 1, width])?.astype(vectors.dtype())?, &vectors], 1)?;
        let length = 1 + rows * columns;
        let groups: Vec<_> = (0..images).map(|_| length).collect();
        let x = self.encoder.forward(self.pre_layrnorm.forward(&all.flatten(0, 1)?)?, &groups)?;
        x.reshape([images, length, width])?.index((.., 1..))?.reshape(shape)
    }
}
