//! Convolutions of spectrograms as products: MLX multiplies those of its own on one core of a CPU.

use mlx_core::fast::Activation;
use mlx_core::{Array, Result as MlxResult, Slice, concatenate};
use mlx_nn::{Linear, Module, Weights};

use crate::Result;
use crate::convolution::zeros;

/// A convolution of 3 by 3 places that halves both sides, with zeros around them, and the GELU behind it.
#[derive(Module)]
pub(super) struct Halving {
    #[module(flatten)]
    linear: Linear,
}

const KERNEL: i32 = 3;

impl Halving {
    /// The convolution at the path of `w`, of a weight `[outputs, 3, 3, inputs]`.
    pub(super) fn load(w: &Weights, [outputs, inputs]: [i32; 2]) -> Result<Self> {
        let weight = w.parameter("weight", [outputs, KERNEL, KERNEL, inputs], zeros)?;
        let weight = weight.reshape([outputs, KERNEL * KERNEL * inputs])?;
        Ok(Self { linear: Linear::new(weight, Some(w.parameter("bias", [outputs], zeros)?)) })
    }

    /// `[batch, height, width, inputs] -> [batch, halved(height), halved(width), outputs]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [_, height, width, _] = x.dims()?;
        let x = x.pad([(1, 1, 1), (2, 1, 1)], 0)?;
        let every_other = |from: i32, length: i32| Slice::step_by(from..from + 2 * halved(length) - 1, 2);
        let mut shifted = Vec::new();
        for row in 0..KERNEL {
            for column in 0..KERNEL {
                shifted.push(x.index((.., every_other(row, height), every_other(column, width)))?);
            }
        }
        self.linear.forward_then(&concatenate(&shifted, -1)?, Some(Activation::Gelu), None)
    }
}

/// Places that come out of so many.
pub(super) fn halved(length: i32) -> i32 {
    (length + 1) / 2
}
