//! The image encoder of SAM, and two convolutions behind it that leave a vector for each 4 x 4 patches.
//!
//! Kirillov et al., "Segment Anything"; Li et al., "Exploring Plain Vision Transformer Backbones for Object Detection".

use mlx_core::{Array, Result as MlxResult, fast};
use mlx_nn::{LayerNorm, LayerNormOptions, Module, Weights};
use mlx_vision::{Activation, Between, FeedForward, PatchEmbedding, PatchSizes};

use super::config::Sam as Sizes;
use super::convolution::Convolution;
use super::relative::Attention;
use crate::Result;

/// Patches in, a few vectors out.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Sam {
    patch_embed: PatchEmbedding,
    /// Of the places of a square, `[side · side, width]`.
    pos_embed: Array,
    blocks: Vec<Block>,
    neck: Neck,
    side: i32,
}

/// Attention and two linear layers, each behind a norm and added to its input.
#[derive(Module)]
#[module(no_tree)]
struct Block {
    norm1: LayerNorm,
    attn: Attention,
    norm2: LayerNorm,
    mlp: FeedForward,
    /// The edge of the squares that patches see; all if there is none.
    window: Option<i32>,
}

/// Convolutions, the last two of which halve rows and columns.
#[derive(Module)]
#[module(no_tree)]
struct Neck {
    first: Convolution,
    norm1: LayerNorm,
    second: Convolution,
    norm2: LayerNorm,
    halves: [Convolution; 2],
}

impl Sam {
    pub(super) fn load(w: &Weights, sizes: &Sizes) -> Result<Self> {
        let (side, width) = (sizes.side(), sizes.width);
        let patches = PatchSizes { frames: 1, edge: sizes.patch_size, channels: 3 };
        let blocks = w.each("blocks", sizes.layers).enumerate();
        Ok(Self {
            patch_embed: PatchEmbedding::load(&w.at("patch_embed.proj"), width, patches, true)?,
            pos_embed: w.array("pos_embed", [1, side, side, width])?.reshape([side * side, width])?,
            blocks: blocks.map(|(at, w)| Block::load(&w, sizes, at)).collect::<Result<_>>()?,
            neck: Neck::load(w, sizes)?,
            side,
        })
    }

    /// Patches `[images, rows, columns, numbers]` to `[images, rows, columns, width]`, of which there are a quarter of each.
    pub(super) fn forward(&self, patches: &Array) -> MlxResult<Array> {
        let x = self.patch_embed.forward(patches)?;
        let [_, rows, columns, width] = x.dims()?;
        let places = if [rows, columns] == [self.side; 2] {
            self.pos_embed.clone()
        } else {
            Between::SmoothCubic.resample(&self.pos_embed, self.side, [rows, columns])?
        };
        let mut x = (x + places.reshape([rows, columns, width])?)?;
        for block in &self.blocks {
            x = block.forward(&x)?;
            x.eval()?;
        }
        self.neck.forward(&x)
    }
}

impl Block {
    fn load(w: &Weights, sizes: &Sizes, at: usize) -> Result<Self> {
        let Sizes { width, heads, .. } = *sizes;
        let window = (!sizes.global_attn_indexes.contains(&at)).then_some(sizes.window_size);
        let side = window.unwrap_or(sizes.side());
        let (inner, activation) = (4 * width, Activation::Fast(fast::Activation::Gelu));
        Ok(Self {
            norm1: norm(&w.at("norm1"), width)?,
            attn: Attention::load(&w.at("attn"), [width, heads], side)?,
            norm2: norm(&w.at("norm2"), width)?,
            mlp: FeedForward::load(&w.at("mlp"), ["lin1", "lin2"], [width, inner], activation)?,
            window,
        })
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let normal = self.norm1.forward(x)?;
        let seen = match self.window {
            None => self.attn.forward(&normal)?,
            Some(edge) => self.within(&normal, edge)?,
        };
        let x = (x + seen)?;
        self.mlp.forward(&self.norm2.forward(&x)?, &x)
    }

    /// Attention within squares of so many patches, of which the last in a column or row may be filled up.
    fn within(&self, x: &Array, edge: i32) -> MlxResult<Array> {
        let [images, rows, columns, width] = x.dims()?;
        let [down, across] = [rows, columns].map(|length| (length + edge - 1) / edge);
        let room = [(1, 0, down * edge - rows), (2, 0, across * edge - columns)];
        let windows = x.pad(room, 0)?.reshape([images, down, edge, across, edge, width])?;
        let windows = windows.transpose([0, 1, 3, 2, 4, 5])?.reshape([-1, edge, edge, width])?;
        let seen = self.attn.forward(&windows)?.reshape([images, down, across, edge, edge, width])?;
        let all = seen.transpose([0, 1, 3, 2, 4, 5])?.reshape([images, down * edge, across * edge, width])?;
        all.index((.., ..rows, ..columns))
    }
}

impl Neck {
    fn load(w: &Weights, sizes: &Sizes) -> Result<Self> {
        let (inner, [middle, last]) = (sizes.prompt_embed_dim, sizes.downsample_channels);
        let conv = |name: &str, widths, steps| Convolution::load(&w.at(name), widths, steps);
        Ok(Self {
            first: conv("neck.0", [sizes.width, inner], [1, 1])?,
            norm1: norm(&w.at("neck.1"), inner)?,
            second: conv("neck.2", [inner, inner], [3, 1])?,
            norm2: norm(&w.at("neck.3"), inner)?,
            halves: [conv("net_2", [inner, middle], [3, 2])?, conv("net_3", [middle, last], [3, 2])?],
        })
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let x = self.norm1.forward(&self.first.forward(x)?)?;
        let x = self.norm2.forward(&self.second.forward(&x)?)?;
        let [once, twice] = &self.halves;
        twice.forward(&once.forward(&x)?)
    }
}

fn norm(w: &Weights, width: i32) -> Result<LayerNorm> {
    Ok(LayerNorm::load(w, width, LayerNormOptions { eps: 1e-6, ..LayerNormOptions::default() })?)
}
