//! Convolutions behind the layers of SAM.

use mlx_core::{Array, Conv, Result as MlxResult};
use mlx_nn::{Module, Weights};

use crate::Result;

/// A convolution over rows and columns without a bias.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Convolution {
    weight: Array,
    #[module(skip)]
    steps: Conv<2>,
}

impl Convolution {
    /// The layer at the path of `w`, whose weights are channels first, or last as MLX stores them.
    pub(super) fn load(w: &Weights, [input, output]: [i32; 2], [kernel, stride]: [i32; 2]) -> Result<Self> {
        let last = [output, kernel, kernel, input];
        let weight = if w.shape("weight").is_some_and(|shape| shape == last) {
            w.array("weight", last)?
        } else {
            w.array("weight", [output, input, kernel, kernel])?.transpose([0, 2, 3, 1])?
        };
        let steps = Conv { stride: [stride; 2], padding: [kernel / 2; 2], ..Conv::default() };
        Ok(Self { weight, steps })
    }

    /// `[images, rows, columns, input] -> [images, rows, columns, output]`, where rows and columns may be fewer.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        x.conv2d(&self.weight, self.steps)
    }
}
