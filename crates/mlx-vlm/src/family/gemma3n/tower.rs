//! The tower: pixels in, a square of vectors out.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, Weights, gelu_approx};

use super::block::{Block, Normed, Site, point_width};
use super::config::Vision;
use super::fusion::Fusion;
use crate::{Error, Result};

/// A convolution, stages of blocks, each at half the size of the one before, and what the last two see together.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Tower {
    conv_stem: Normed,
    blocks: Vec<Stage>,
    msfa: Fusion,
}

/// Blocks at one size.
#[derive(Module)]
#[module(no_tree)]
struct Stage {
    #[module(flatten)]
    blocks: Vec<Block>,
}

/// The most stages and the most blocks of a stage that are looked for.
const MOST: [usize; 2] = [8, 1024];

impl Tower {
    /// The tower at the path of `w`, whose weights tell what it is like, and which gives `side` rows and columns of vectors.
    pub(super) fn load(w: &Weights, vision: &Vision, side: i32) -> Result<Self> {
        let mut width = point_width(w, "conv_stem.conv");
        // A product of the first block tells how all are stored, which the stem leaves open.
        let last = ["conv_pwl", "pw_proj.conv"].iter().any(|name| {
            let w = w.at("blocks.0.0").at(name);
            w.shape("weight").is_some_and(|shape| !shape.ends_with(&[1, 1]))
        });
        let conv_stem = Normed::stem(&w.at("conv_stem"), width, last)?;
        let (mut stages, mut widths) = (Vec::new(), Vec::new());
        for w in w.each("blocks", MOST[0]) {
            let (stage, output) = Stage::load(&w, width)?;
            if stage.blocks.is_empty() {
                break;
            }
            width = output;
            stages.push(stage);
            widths.push(width);
        }
        let &[.., before, after] = widths.as_slice() else {
            let problem = format!("vision_tower: blocks of {} stages: what it gives is of two", stages.len());
            return Err(Error::config(problem));
        };
        let msfa = Fusion::load(&w.at("msfa"), [before.saturating_add(after), vision.hidden_size], side)?;
        Ok(Self { conv_stem, blocks: stages, msfa })
    }

    /// How many places of the last stage but one there are in a line of so many pixels.
    pub(super) fn shrunk(&self, pixels: usize) -> usize {
        // The stem halves it, too.
        (0..self.blocks.len()).fold(pixels, |length, _| length.div_ceil(2))
    }

    /// `[1, rows, columns, 3] -> [1, side, side, width]`.
    pub(super) fn forward(&self, pixels: &Array) -> MlxResult<Array> {
        let mut x = gelu_approx(&self.conv_stem.forward(pixels)?)?;
        let mut before = x.clone();
        for stage in &self.blocks {
            (before, x) = (x.clone(), stage.forward(&x)?);
        }
        self.msfa.forward(&before, &x)
    }
}

impl Stage {
    /// The stage at the path of `w` behind one that is `width` wide, and its own width.
    fn load(w: &Weights, mut width: i32) -> Result<(Self, i32)> {
        let mut blocks = Vec::new();
        for at in 0..MOST[1] {
            let site = Site { width, stride: if at == 0 { 2 } else { 1 } };
            let Some((block, output)) = Block::load(&w.at(at), site)? else { break };
            width = output;
            blocks.push(block);
        }
        Ok((Self { blocks }, width))
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let mut x = x.clone();
        for block in &self.blocks {
            x = block.forward(&x)?;
            x.eval()?;
        }
        Ok(x)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use mlx_core::Dtype;

    use super::*;

    #[test]
    fn the_tower_of_real_checkpoints_is_told_by_its_weights() {
        let file = "tests/golden/gemma3n/mobilenetv5_300m_enc.json";
        let shapes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let shapes: BTreeMap<String, Vec<i32>> = serde_json::from_slice(&shapes).unwrap();
        let zeros = |shape: Vec<i32>| Array::zeros(shape, Dtype::Float32).unwrap();
        let arrays = shapes.into_iter().map(|(name, shape)| (name, zeros(shape))).collect();
        let tower = Weights::new(arrays, None).build(|w| Tower::load(w, &Vision::default(), 16)).unwrap();
        let blocks: Vec<_> = tower.blocks.iter().map(|stage| stage.blocks.len()).collect();
        assert_eq!(blocks, [3, 5, 37, 39]);
        assert_eq!(tower.shrunk(768), 48);
    }
}
