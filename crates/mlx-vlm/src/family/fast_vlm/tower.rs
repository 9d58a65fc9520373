//! The tower: pixels in, a few vectors of the image out.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, Weights};
use mlx_vision::{Conv, ConvShape};

use super::block::Block;
use super::config::Stage as Sizes;
use super::conv::{Mobile, biased};
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
        let [first, deepest] =
            [sizes.first(), sizes.last()].map(|stage| stage.map_or(0, |stage| stage.width));
        let halved = |widths, apart| ConvShape { widths, kernel: 3, stride: 2, apart };
        let stem = [halved([3, first], false), halved([first; 2], true), ConvShape::point(first, first)];
        // The second of the stem tells how all are stored, which that of the first leaves open.
        let last = w.at("stem.1.reparam_conv").shape("weight").is_some_and(|shape| shape.ends_with(&[3, 1]));
        let stem = w.each("stem", 3).zip(stem).map(|(w, shape)| Mobile::load(&w, shape, last));
        let befores = std::iter::once(None).chain(sizes.iter().map(|stage| Some(stage.width)));
        let stages = w.each("stages", sizes.len()).zip(sizes).zip(befores);
        let (w_last, widths) = (w.at("final_conv"), [deepest, 2 * deepest]);
        let final_conv = ConvShape { widths, kernel: 3, stride: 1, apart: true };
        Ok(Self {
            stem: stem.collect::<Result<_>>()?,
            stages: stages
                .map(|((w, sizes), before)| Stage::load(&w, sizes, before))
                .collect::<Result<_>>()?,
            final_conv: Mobile::load(&w_last, final_conv, false)?.squeezing(&w_last, 2 * deepest)?,
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
            let halved = ConvShape { widths: [before, width], kernel: 7, stride: 2, apart: true };
            for (w, shape) in w.each("downsample.proj", 2).zip([halved, ConvShape::point(width, width)]) {
                downsample.push(Mobile::load(&w, shape, false)?);
            }
        }
        let places = || biased(&w.at("pos_emb.reparam_conv"), ConvShape::apart(width, 7));
        Ok(Self {
            downsample,
            pos_emb: sizes.attends.then(places).transpose()?,
            blocks: w.each("blocks", sizes.blocks).map(|w| Block::load(&w, sizes)).collect::<Result<_>>()?,
        })
    }
}
