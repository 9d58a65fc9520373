//! The tower: patches of any grid in, row by row, and vectors as wide as the decoder out.

use mlx_core::fast::Activation;
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{LayerNorm, LayerNormOptions, Linear, Module, Weights};
use mlx_vision::{
    Attention, AttentionNames, Between, FeedForward, PatchEmbedding, PatchSizes, Rotation, SquarePositions,
};

use super::config::Vision;
use crate::Result;
use crate::family::tubelets::places;

/// What patches become.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Tower {
    patch_embedding: PatchEmbedding,
    position_embedding: SquarePositions,
    layers: Vec<Layer>,
    post_layernorm: LayerNorm,
    head_width: i32,
}

/// A layer of the tower.
#[derive(Module)]
#[module(no_tree)]
struct Layer {
    layer_norm1: LayerNorm,
    self_attn: Attention,
    layer_norm2: LayerNorm,
    mlp: FeedForward,
}

/// Makes vectors of the decoder of squares of patches.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Projector {
    pre_norm: LayerNorm,
    linear_1: Linear,
    linear_2: Linear,
    merge: i32,
}

/// By what angles of neighbouring pairs differ.
const BASE: f32 = 10_000.0;

impl Tower {
    /// The tower at the path of `w`, whose layers are in a scope of their own.
    pub(super) fn load(w: &Weights, layers: &Weights, config: &Vision) -> Result<Self> {
        let Vision { hidden_size: width, num_channels: channels, .. } = *config;
        let sizes = PatchSizes { frames: 1, edge: config.patch_size, channels };
        let embeddings = w.at("embeddings");
        let square = embeddings.at("position_embedding");
        let layers = layers.each("layers", config.num_hidden_layers).map(|w| Layer::load(&w, config));
        Ok(Self {
            patch_embedding: PatchEmbedding::load(&embeddings.at("patch_embedding"), width, sizes, true)?,
            position_embedding: SquarePositions::load(&square, [config.side(), width], Between::Linear)?,
            layers: layers.collect::<Result<_>>()?,
            post_layernorm: norm(w, "post_layernorm", width, config.layer_norm_eps)?,
            head_width: width / config.num_attention_heads,
        })
    }

    /// `[rows · columns, numbers] -> [rows · columns, width]`.
    pub(super) fn forward(&self, patches: &Array, [rows, columns]: [i32; 2]) -> MlxResult<Array> {
        let rotation = Rotation::new(&places([1, rows, columns], 1), self.head_width, BASE)?;
        let mut x =
            (self.patch_embedding.forward(patches)? + self.position_embedding.forward([rows, columns])?)?;
        for layer in &self.layers {
            x = layer.forward(&x, &rotation)?;
            x.eval()?;
        }
        self.post_layernorm.forward(&x)
    }
}

impl Layer {
    fn load(w: &Weights, config: &Vision) -> Result<Self> {
        let Vision { hidden_size: width, layer_norm_eps: eps, .. } = *config;
        let attention = w.at("self_attn");
        let names = if attention.contains("qkv.weight") {
            AttentionNames::Fused(["qkv", "out_proj"])
        } else {
            AttentionNames::Apart(["q_proj", "k_proj", "v_proj", "out_proj"])
        };
        let inner = [width, config.intermediate_size];
        Ok(Self {
            layer_norm1: norm(w, "layer_norm1", width, eps)?,
            self_attn: Attention::load(&attention, names, [width, config.num_attention_heads], true)?,
            layer_norm2: norm(w, "layer_norm2", width, eps)?,
            mlp: FeedForward::load(&w.at("mlp"), ["fc1", "fc2"], inner, config.activation()?)?,
        })
    }

    fn forward(&self, x: &Array, rotation: &Rotation) -> MlxResult<Array> {
        let x = self.self_attn.forward(&self.layer_norm1.forward(x)?, Some(rotation), &[], x)?;
        self.mlp.forward(&self.layer_norm2.forward(&x)?, &x)
    }
}

impl Projector {
    /// The layers at the path of `w`, to the width of the decoder.
    pub(super) fn load(w: &Weights, config: &Vision, hidden: i32) -> Result<Self> {
        const EPS: f32 = 1e-5;
        let (width, merge) = (config.hidden_size, config.spatial_merge_size);
        let wide = width * merge * merge;
        Ok(Self {
            pre_norm: norm(w, "pre_norm", width, EPS)?,
            linear_1: w.linear_with_bias("linear_1", [wide, wide], true)?,
            linear_2: w.linear_with_bias("linear_2", [hidden, wide], true)?,
            merge,
        })
    }

    /// `[rows · columns, width] -> [rows · columns / merge², hidden]`.
    pub(super) fn forward(&self, x: &Array, [_, columns]: [i32; 2]) -> MlxResult<Array> {
        let (merge, width) = (self.merge, x.dim(-1)?);
        let blocks = self.pre_norm.forward(x)?.reshape([-1, merge, columns / merge, merge, width])?;
        let squares = blocks.transpose([0, 2, 1, 3, 4])?.reshape([-1, merge * merge * width])?;
        self.linear_2.forward(&self.linear_1.forward_then(&squares, Some(Activation::Gelu), None)?)
    }
}

fn norm(w: &Weights, name: &str, width: i32, eps: f32) -> Result<LayerNorm> {
    Ok(LayerNorm::load(&w.at(name), width, LayerNormOptions { eps, ..LayerNormOptions::default() })?)
}
