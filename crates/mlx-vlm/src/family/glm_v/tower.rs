//! The tower: tubelets of any grid in, vectors as wide as the decoder out.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, RmsNorm, Weights};
use mlx_vision::{
    Attention, AttentionNames, AttentionNorms, AttentionOptions, Between, FeedForward, PatchEmbedding,
    PatchSizes, Rotation, SquarePositions,
};

use super::config::Vision;
use super::merger::Merger;
use crate::Result;
use crate::family::tubelets::{places, row_by_row};

/// What tubelets become.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Tower {
    patch_embed: PatchEmbedding,
    positions: Option<Positions>,
    blocks: Vec<Block>,
    post_layernorm: RmsNorm,
    merger: Merger,
    head_width: i32,
    merge: i32,
}

/// Learned positions, which are added to patches that are normalised.
#[derive(Module)]
#[module(no_tree)]
struct Positions {
    post_conv_layernorm: RmsNorm,
    square: SquarePositions,
}

/// A layer of the tower.
#[derive(Module)]
#[module(no_tree)]
struct Block {
    norm1: RmsNorm,
    attn: Attention,
    norm2: RmsNorm,
    mlp: FeedForward,
}

/// By what angles of neighbouring pairs differ.
const BASE: f32 = 10_000.0;

impl Tower {
    pub(super) fn load(w: &Weights, config: &Vision, reads: bool) -> Result<Self> {
        let sizes = PatchSizes { frames: config.depth, edge: config.patch, channels: config.channels };
        let blocks = w.each("blocks", config.layers).map(|w| Block::load(&w, config, reads));
        Ok(Self {
            patch_embed: PatchEmbedding::load(&w.at("patch_embed.proj"), config.width, sizes, true)?,
            positions: config.side.map(|side| Positions::load(w, side, config)).transpose()?,
            blocks: blocks.collect::<Result<_>>()?,
            post_layernorm: w.rms_norm("post_layernorm", config.width, config.eps)?,
            merger: Merger::load(w, config)?,
            head_width: config.width / config.heads,
            merge: config.merge,
        })
    }

    /// `[tubelets, numbers] -> [tubelets / merge², hidden]`, for a grid of what is merged. Patches see those of their own
    /// frame.
    pub(super) fn forward(&self, tubelets: &Array, grid: [i32; 3]) -> MlxResult<Array> {
        let [time, height, width] = grid.map(|size| size * self.merge);
        let places = places(grid, self.merge);
        let rotation = Rotation::new(&places, self.head_width, BASE)?;
        let frames: Vec<_> = (0..time / self.merge).map(|_| height * width).collect();
        let mut x = self.patch_embed.forward(tubelets)?;
        if let Some(Positions { post_conv_layernorm, square }) = &self.positions {
            let all = square.forward([height, width])?;
            x = (post_conv_layernorm.forward(&x)? + all.take(&row_by_row(&places, width)?, 0)?)?;
        }
        for block in &self.blocks {
            x = block.forward(&x, &rotation, &frames)?;
            x.eval()?;
        }
        self.merger.forward(&self.post_layernorm.forward(&x)?)
    }
}

impl Positions {
    fn load(w: &Weights, side: i32, config: &Vision) -> Result<Self> {
        let square = w.at("embeddings.position_embedding");
        Ok(Self {
            post_conv_layernorm: w.rms_norm("post_conv_layernorm", config.width, config.eps)?,
            square: SquarePositions::load(&square, [side, config.width], Between::Cubic)?,
        })
    }
}

impl Block {
    /// A block, which in a GLM-OCR has more biases, and norms of heads.
    fn load(w: &Weights, config: &Vision, reads: bool) -> Result<Self> {
        let Vision { width, heads, inner, bias, eps, .. } = *config;
        let names = AttentionNames::Fused(["qkv", "proj"]);
        let options = AttentionOptions {
            bias,
            output_bias: bias && reads,
            norms: reads.then_some(AttentionNorms { eps, each: true }),
        };
        Ok(Self {
            norm1: w.rms_norm("norm1", width, eps)?,
            attn: Attention::load_with(&w.at("attn"), names, [width, heads], options)?,
            norm2: w.rms_norm("norm2", width, eps)?,
            mlp: FeedForward::gated(&w.at("mlp"), [width, inner], bias && reads, config.activation()?)?,
        })
    }

    fn forward(&self, x: &Array, rotation: &Rotation, frames: &[i32]) -> MlxResult<Array> {
        let x = self.attn.forward(&self.norm1.forward(x)?, Some(rotation), frames, x)?;
        self.mlp.forward(&self.norm2.forward(&x)?, &x)
    }
}
