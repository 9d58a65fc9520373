//! The layers of CLIP over what SAM saw, in the place of patches.

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{LayerNorm, LayerNormOptions, Module, Weights};
use mlx_vision::{Activation, Attention, AttentionNames, Between, FeedForward};

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
    layers: Vec<Layer>,
    side: i32,
}

/// Attention and two linear layers, each behind a norm and added to its input.
#[derive(Module)]
#[module(no_tree)]
struct Layer {
    layer_norm1: LayerNorm,
    self_attn: Attention,
    layer_norm2: LayerNorm,
    mlp: FeedForward,
}

impl Clip {
    pub(super) fn load(w: &Weights, sizes: &Sizes) -> Result<Self> {
        let (embeddings, width, side) = (w.at("embeddings"), sizes.width, sizes.side());
        // Its own patches are not used.
        w.ignore(|key| key.ends_with("embeddings.position_ids") || key.ends_with("patch_embedding.weight"));
        let layers = w.each("transformer.layers", sizes.layers).map(|w| Layer::load(&w, sizes));
        Ok(Self {
            class_embedding: embeddings.array("class_embedding", [width])?,
            position_embedding: embeddings.array("position_embedding.weight", [side * side + 1, width])?,
            pre_layrnorm: norm(w, "pre_layrnorm", width)?,
            layers: layers.collect::<Result<_>>()?,
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
        let mut x = self.pre_layrnorm.forward(&all.flatten(0, 1)?)?;
        for layer in &self.layers {
            x = layer.forward(&x, &groups)?;
        }
        x.reshape([images, length, width])?.index((.., 1..))?.reshape(shape)
    }
}

impl Layer {
    fn load(w: &Weights, sizes: &Sizes) -> Result<Self> {
        let Sizes { width, heads, .. } = *sizes;
        let (names, inner) = (AttentionNames::Fused(["qkv_proj", "out_proj"]), 4 * width);
        Ok(Self {
            layer_norm1: norm(w, "layer_norm1", width)?,
            self_attn: Attention::load(&w.at("self_attn"), names, [width, heads], true)?,
            layer_norm2: norm(w, "layer_norm2", width)?,
            mlp: FeedForward::load(&w.at("mlp"), ["fc1", "fc2"], [width, inner], Activation::QuickGelu)?,
        })
    }

    fn forward(&self, x: &Array, groups: &[i32]) -> MlxResult<Array> {
        let x = self.self_attn.forward(&self.layer_norm1.forward(x)?, None, groups, x)?;
        self.mlp.forward(&self.layer_norm2.forward(&x)?, &x)
    }
}

fn norm(w: &Weights, name: &str, width: i32) -> Result<LayerNorm> {
    Ok(LayerNorm::load(&w.at(name), width, LayerNormOptions { eps: 1e-5, ..LayerNormOptions::default() })?)
}
