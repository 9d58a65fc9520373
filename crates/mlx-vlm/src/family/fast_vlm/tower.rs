//! The tower: pixels in, a few vectors of the image out.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, Weights};

use super::block::Block;
use super::config::Stage as Sizes;
use super::conv::{Conv, Mobile, Shape};
use crate::Result;

/// Convolutions, then stages of blocks, each but the first at half the size, then a convolution.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Tower {
    stem: Vec<Mobile>,
    stages: Vec<Stage>,
    final_conv: Mobile,
}

/// Blocks at one size.
#[derive(Module)]
#[module(no_tree)]
struct Stage {
    downsample: Vec<Mobile>,
    /// What tells places apart.
    pos_emb: Option<Conv>,
    blocks: Vec<Block>,
}

impl Tower {
    pub(super) fn load(w: &Weights, sizes: &[Sizes]) -> Result<Self> {
        let [first, last] = [sizes.first(), sizes.last()].map(|stage| stage.map_or(0, |stage| stage.width));
        let halved = |widths, apart| Shape { widths, kernel: 3, stride: 2, apart };
        let stem = [halved([3, first], false), halved([first; 2], true), Shape::point(first, first)];
        let stem = w.each("stem", 3).zip(stem).map(|(w, shape)| Mobile::load(&w, shape, false));
        let befores = std::iter::once(None).chain(sizes.iter().map(|stage| Some(stage.width)));
        let stages = w.each("stages", sizes.len()).zip(sizes).zip(befores);
        let final_conv = Shape { widths: [last, 2 * last], kernel: 3, stride: 1, apart: true };
        Ok(Self {
            stem: stem.collect::<Result<_>>()?,
            stages: stages
                .map(|((w, sizes), before)| Stage::load(&w, sizes, before))
                .collect::<Result<_>>()?,
            final_conv: Mobile::load(&w.at("final_conv"), final_conv, true)?,
        })
    }

    /// How many vectors there are in a line of so many pixels.
    pub(super) fn shrunk(&self, pixels: usize) -> usize {
        // The stem halves it twice.
        (0..=self.stages.len()).fold(pixels, |length, _| length.div_ceil(2))
    }

    /// `[1, rows, columns, 3] -> [1, rows, columns, width]`.
    pub(super) fn forward(&self, pixels: &Array) -> MlxResult<Array> {
        let mut x = pixels.clone();
        for part in &self.stem {
            x = part.forward(&x)?;
        }
        for stage in &self.stages {
            for part in &stage.downsample {
                x = part.forward(&x)?;
            }
            if let Some(places) = &stage.pos_emb {
                x = places.forward(&x)?;
            }
            for block in &stage.blocks {
                x = block.forward(&x)?;
                x.eval()?;
            }
        }
        self.final_conv.forward(&x)
    }
}

impl Stage {
    /// A stage behind one that is `before` wide, if there is any.
    fn load(w: &Weights, sizes: &Sizes, before: Option<i32>) -> Result<Self> {
        let width = sizes.width;
        let mut downsample = Vec::new();
        if let Some(before) = before {
            let halved = Shape { widths: [before, width], kernel: 7, stride: 2, apart: true };
            for (w, shape) in w.each("downsample.proj", 2).zip([halved, Shape::point(width, width)]) {
                downsample.push(Mobile::load(&w, shape, false)?);
            }
        }
        let places = || Conv::load(&w.at("pos_emb.reparam_conv"), Shape::apart(width, 7), true);
        Ok(Self {
            downsample,
            pos_emb: sizes.attends.then(places).transpose()?,
            blocks: w.each("blocks", sizes.blocks).map(|w| Block::load(&w, sizes)).collect::<Result<_>>()?,
        })
    }
}
