//! The tower: pixels in, a few vectors of the image out.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, Weights};
use mlx_vision::{Conv, ConvShape};

use super::block::Block;
use super::config::Stage as Sizes;
use super::conv::{Mobile, biased};
use super::names::{Names, Place};
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
    /// The tower at the path of `w`, of such stages.
    pub(super) fn load(w: &Weights, names: &Names, places: &[Place]) -> Result<Self> {
        let [first, deepest] =
            [places.first(), places.last()].map(|place| place.map_or(0, |place| place.sizes.width));
        let halved = |widths, apart| ConvShape { widths, kernel: 3, stride: 2, apart };
        let stem = [halved([3, first], false), halved([first; 2], true), ConvShape::point(first, first)];
        // The second of the stem tells how all are stored, which that of the first leaves open.
        let stored = w.at(names.stem).at("1.reparam_conv");
        let last = stored.shape("weight").is_some_and(|shape| shape.ends_with(&[3, 1]));
        let stem = w.each(names.stem, 3).zip(stem);
        let stem = stem.map(|(w, shape)| Mobile::stored(&w.at("reparam_conv"), shape, last));
        let befores = std::iter::once(0).chain(places.iter().map(|place| place.sizes.width));
        let stages = places.iter().zip(befores).map(|(place, before)| Stage::load(names, place, before));
        let (end, widths) = (w.at(names.last), [deepest, 2 * deepest]);
        let final_conv = Mobile::load(&end, ConvShape { widths, kernel: 3, stride: 1, apart: true })?;
        Ok(Self {
            stem: stem.collect::<Result<_>>()?,
            stages: stages.collect::<Result<_>>()?,
            final_conv: final_conv.squeezing(&end, names.squeeze, 2 * deepest)?,
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
    fn load(names: &Names, place: &Place, before: i32) -> Result<Self> {
        let Sizes { width, blocks, .. } = place.sizes;
        let mut downsample = Vec::new();
        if let Some(w) = &place.halving {
            let halved = ConvShape { widths: [before, width], kernel: 7, stride: 2, apart: true };
            downsample.push(Mobile::stored(&w.at(0).at(names.halving), halved, false)?);
            downsample.push(Mobile::load(&w.at(1), ConvShape::point(width, width))?);
        }
        let positions = |w: &Weights| biased(&w.at("reparam_conv"), ConvShape::apart(width, 7));
        let blocks = (0..blocks).map(|at| Block::load(&place.blocks.at(at), names, &place.sizes));
        Ok(Self {
            downsample,
            pos_emb: place.positions.as_ref().map(positions).transpose()?,
            blocks: blocks.collect::<Result<_>>()?,
        })
    }
}
