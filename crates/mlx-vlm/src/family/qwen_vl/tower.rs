//! The tower: tubelets of any grid in, vectors as wide as the decoder out.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{LayerNorm, LayerNormOptions, Module, Weights};
use mlx_vision::{Attention, AttentionNames, FeedForward, PatchEmbedding, PatchSizes, Rotation};

use super::config::Vision;
use super::merger::Merger;
use crate::Result;

/// What tubelets become.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Tower {
    patch_embed: PatchEmbedding,
    blocks: Vec<Block>,
    merger: Merger,
    head_width: i32,
    merge: i32,
}

/// A layer of the tower.
#[derive(Module)]
#[module(no_tree)]
struct Block {
    norm1: LayerNorm,
    attn: Attention,
    norm2: LayerNorm,
    mlp: FeedForward,
}

/// By what angles of neighbouring pairs differ.
const BASE: f32 = 10_000.0;

impl Tower {
    pub(super) fn load(w: &Weights, config: &Vision) -> Result<Self> {
        let sizes = PatchSizes { frames: config.depth, edge: config.patch, channels: config.channels };
        Ok(Self {
            patch_embed: PatchEmbedding::load(&w.at("patch_embed.proj"), config.width, sizes, false)?,
            blocks: w
                .each("blocks", config.layers)
                .map(|w| Block::load(&w, config))
                .collect::<Result<_>>()?,
            merger: Merger::load(&w.at("merger"), config)?,
            head_width: config.width / config.heads,
            merge: config.merge,
        })
    }

    /// `[tubelets, numbers] -> [tubelets / merge², hidden]`, for a grid of what is merged. Patches see those of their own
    /// frame.
    pub(super) fn forward(&self, tubelets: &Array, grid: [i32; 3]) -> MlxResult<Array> {
        let [time, height, width] = grid;
        let rotation = Rotation::new(&places(grid, self.merge), self.head_width, BASE)?;
        let frames: Vec<_> = (0..time).map(|_| height * width * self.merge * self.merge).collect();
        let mut x = self.patch_embed.forward(tubelets)?;
        for block in &self.blocks {
            x = block.forward(&x, &rotation, &frames)?;
            x.eval()?;
        }
        self.merger.forward(&x)
    }
}

impl Block {
    fn load(w: &Weights, config: &Vision) -> Result<Self> {
        let names = AttentionNames::Fused(["qkv", "proj"]);
        Ok(Self {
            norm1: norm(w, "norm1", config.width)?,
            attn: Attention::load(&w.at("attn"), names, [config.width, config.heads], true)?,
            norm2: norm(w, "norm2", config.width)?,
            mlp: FeedForward::load(
                &w.at("mlp"),
                ["fc1", "fc2"],
                [config.width, config.inner],
                config.activation()?,
            )?,
        })
    }

    fn forward(&self, x: &Array, rotation: &Rotation, frames: &[i32]) -> MlxResult<Array> {
        let x = self.attn.forward(&self.norm1.forward(x)?, Some(rotation), frames, x)?;
        self.mlp.forward(&self.norm2.forward(&x)?, &x)
    }
}

/// A norm of the tower.
pub(super) fn norm(w: &Weights, name: &str, width: i32) -> Result<LayerNorm> {
    let options = LayerNormOptions { eps: 1e-6, ..LayerNormOptions::default() };
    Ok(LayerNorm::load(&w.at(name), width, options)?)
}

/// The row and the column of each tubelet, as they follow each other: by squares of those that are merged.
fn places([time, height, width]: [i32; 3], merge: i32) -> Vec<[i32; 2]> {
    let squares = (0..height).flat_map(|row| (0..width).map(move |column| [row * merge, column * merge]));
    let within =
        |[row, column]: [i32; 2]| (0..merge * merge).map(move |at| [row + at / merge, column + at % merge]);
    let frame: Vec<_> = squares.flat_map(within).collect();
    frame.repeat(time.unsigned_abs() as usize)
}
