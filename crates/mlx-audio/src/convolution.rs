//! Convolutions along time as products: MLX multiplies those of its own on one core of a CPU.

use mlx_core::fast::Activation;
use mlx_core::random::Key;
use mlx_core::{Array, Dtype, Result as MlxResult, Slice, concatenate};
use mlx_nn::{Linear, Module, Weights};

use crate::Result;

/// A convolution and what follows, as one product with the neighbours of each place side by side.
#[derive(Module)]
pub(crate) struct Convolution {
    #[module(flatten)]
    linear: Linear,
    kernel: i32,
    stride: i32,
}

/// How large a convolution is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) outputs: i32,
    pub(crate) kernel: i32,
    pub(crate) inputs: i32,
    pub(crate) stride: i32,
    pub(crate) bias: bool,
}

impl Convolution {
    /// The convolution at the path of `w`, of a weight `[outputs, kernel, inputs]`.
    pub(crate) fn load(w: &Weights, shape: Shape) -> Result<Self> {
        let Shape { outputs, kernel, inputs, stride, bias } = shape;
        let weight = w.parameter("weight", [outputs, kernel, inputs], zeros)?;
        let weight = weight.reshape([outputs, kernel * inputs])?;
        let bias = bias.then(|| w.parameter("bias", [outputs], zeros)).transpose()?;
        Ok(Self { linear: Linear::new(weight, bias), kernel, stride })
    }

    /// How many places come out of so many.
    pub(crate) fn length(&self, length: i32) -> i32 {
        if length < self.kernel { 0 } else { (length - self.kernel) / self.stride + 1 }
    }

    /// `[batch, length, inputs] -> [batch, (length - kernel) / stride + 1, outputs]`: nothing is put around `x`.
    pub(crate) fn forward(&self, x: &Array, activation: Option<Activation>) -> MlxResult<Array> {
        let reach = ((self.length(x.dim(1)?) - 1) * self.stride + 1).max(0);
        let shifted = |at: i32| x.index((.., Slice::step_by(at..at + reach, self.stride)));
        let shifted = (0..self.kernel).map(shifted).collect::<MlxResult<Vec<_>>>()?;
        self.linear.forward_then(&concatenate(&shifted, -1)?, activation, None)
    }
}

/// What parameters are that no checkpoint gives.
pub(crate) fn zeros(shape: &[i32], _: &Key) -> MlxResult<Array> {
    Array::zeros(shape, Dtype::Float32)
}
