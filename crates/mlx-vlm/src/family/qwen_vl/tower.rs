//! The tower: tubelets of any grid in, vectors as wide as the decoder out.

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{Module, Weights};
use mlx_vision::{
    Attention, AttentionNames, Between, FeedForward, PatchEmbedding, PatchSizes, Rotation, SquarePositions,
};

use super::config::{Kind, Vision};
use super::merger::Merger;
use super::norm::Norm;
use super::order::Windows;
use crate::Result;
use crate::family::tubelets::{places, row_by_row};

/// What tubelets become.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Tower {
    patch_embed: PatchEmbedding,
    pos_embed: Option<SquarePositions>,
    blocks: Vec<Block>,
    merger: Merger,
    deep: Vec<Deep>,
    head_width: i32,
    merge: i32,
    /// The edge of windows in squares of patches.
    window: Option<i32>,
}

/// A layer of the tower.
#[derive(Module)]
#[module(no_tree)]
struct Block {
    norm1: Norm,
    attn: Attention,
    norm2: Norm,
    mlp: FeedForward,
    /// Whether patches see all of their frame, not of their window alone.
    sees_all: bool,
}

/// What a layer adds to one of the decoder.
#[derive(Module)]
#[module(no_tree)]
struct Deep {
    #[module(skip)]
    behind: usize,
    merger: Merger,
}

/// By what angles of neighbouring pairs differ.
const BASE: f32 = 10_000.0;

impl Tower {
    pub(super) fn load(w: &Weights, config: &Vision) -> Result<Self> {
        let sizes = PatchSizes { frames: config.depth, edge: config.patch, channels: config.channels };
        let bias = config.side.is_some();
        let positions =
            |side| SquarePositions::load(&w.at("pos_embed"), [side, config.width], Between::Corners);
        let deep = config.deep.iter().zip(w.each("deepstack_merger_list", config.deep.len()));
        Ok(Self {
            patch_embed: PatchEmbedding::load(&w.at("patch_embed.proj"), config.width, sizes, bias)?,
            pos_embed: config.side.map(positions).transpose()?,
            blocks: w
                .each("blocks", config.layers)
                .enumerate()
                .map(|(at, w)| Block::load(&w, config, at))
                .collect::<Result<_>>()?,
            merger: Merger::load(&w.at("merger"), config)?,
            deep: deep
                .map(|(&behind, w)| Ok(Deep { behind, merger: Merger::deep(&w, config)? }))
                .collect::<Result<_>>()?,
            head_width: config.width / config.heads,
            merge: config.merge,
            window: config.windows.as_ref().map(|windows| windows.edge),
        })
    }

    /// `[tubelets, numbers] -> [tubelets / merge², hidden · (1 + deep)]`, for a grid of what is merged. Patches see those
    /// of their own frame.
    pub(super) fn forward(&self, tubelets: &Array, grid: [i32; 3]) -> MlxResult<Array> {
        let ([time, height, width], square) = (grid, self.merge * self.merge);
        let mut places = places(grid, self.merge);
        let windows = self.window.map(|edge| Windows::new(grid, edge));
        let mut x = self.patch_embed.forward(tubelets)?;
        if let Some(windows) = &windows {
            (x, places) = (windows.take(&x, square)?, windows.ordered(&places, square));
        }
        if let Some(positions) = &self.pos_embed {
            let all = positions.forward([height * self.merge, width * self.merge])?;
            x = (x + all.take(&row_by_row(&places, width * self.merge)?, 0)?)?;
        }
        let rotation = Rotation::new(&places, self.head_width, BASE)?;
        let frames: Vec<_> = (0..time).map(|_| height * width * square).collect();
        let groups = windows.as_ref().map(|windows| windows.groups(square));
        let mut deep = Vec::with_capacity(self.deep.len());
        for (at, block) in self.blocks.iter().enumerate() {
            let groups = groups.as_ref().filter(|_| !block.sees_all).unwrap_or(&frames);
            x = block.forward(&x, &rotation, groups)?;
            x.eval()?;
            let own = self.deep.iter().filter(|deep| deep.behind == at);
            deep.extend(own.map(|deep| deep.merger.forward(&x)).collect::<MlxResult<Vec<_>>>()?);
        }
        deep.insert(0, self.merger.forward(&x)?);
        let all = concatenate(&deep, -1)?;
        windows.as_ref().map_or(Ok(all.clone()), |windows| windows.put_back(&all))
    }
}

impl Block {
    fn load(w: &Weights, config: &Vision, at: usize) -> Result<Self> {
        let Vision { width, heads, inner, kind, .. } = *config;
        let activation = config.activation()?;
        let mlp = w.at("mlp");
        let sizes = [width, inner];
        Ok(Self {
            norm1: Norm::load(w, "norm1", width, kind)?,
            attn: Attention::load(
                &w.at("attn"),
                AttentionNames::Fused(["qkv", "proj"]),
                [width, heads],
                true,
            )?,
            norm2: Norm::load(w, "norm2", width, kind)?,
            mlp: match kind {
                Kind::Second => FeedForward::load(&mlp, ["fc1", "fc2"], sizes, activation)?,
                Kind::Windowed => FeedForward::gated(&mlp, sizes, true, activation)?,
                Kind::Third | Kind::Hybrid => {
                    FeedForward::load(&mlp, ["linear_fc1", "linear_fc2"], sizes, activation)?
                }
            },
            sees_all: config.windows.as_ref().is_none_or(|windows| windows.full.contains(&at)),
        })
    }

    fn forward(&self, x: &Array, rotation: &Rotation, groups: &[i32]) -> MlxResult<Array> {
        let x = self.attn.forward(&self.norm1.forward(x)?, Some(rotation), groups, x)?;
        self.mlp.forward(&self.norm2.forward(&x)?, &x)
    }
}
