//! A linear layer of many experts.

use mlx_core::{Array, Dtype, Result};

use crate::{Matrix, Module, Weights};

/// Linear layers of one shape, each token's chosen by an index: weights `[experts, outputs, inputs]` that may be
/// quantized, and perhaps biases `[experts, outputs]`.
///
/// Only the experts that are chosen are read.
#[derive(Clone, Debug, Module)]
pub struct SwitchLinear {
    #[module(flatten)]
    weight: Matrix,
    bias: Option<Array>,
}

impl SwitchLinear {
    /// A layer of these weights.
    pub fn new(weight: impl Into<Matrix>, bias: Option<Array>) -> Self {
        Self { weight: weight.into(), bias }
    }

    /// The layer at the path of `w`, of weights of `[experts, outputs, inputs]`, dense or quantized as stored.
    pub fn load(w: &Weights, shape: [i32; 3], bias: bool) -> crate::Result<Self> {
        let [experts, outputs, _] = shape;
        let zeros = |shape: &[i32], _: &_| Array::zeros(shape, Dtype::Float32);
        let bias = bias.then(|| w.parameter("bias", [experts, outputs], zeros)).transpose()?;
        Ok(Self::new(Matrix::load(w, shape)?, bias))
    }

    /// `[…, length, inputs] -> […, length, outputs]` by the experts `[…]`; leading axes broadcast.
    ///
    /// `sorted` says that the experts ascend, of which a GPU makes use.
    #[track_caller]
    pub fn forward(&self, x: &Array, experts: &Array, sorted: bool) -> Result<Array> {
        let y = self.weight.project_chosen(x, experts, sorted)?;
        match &self.bias {
            Some(bias) => y + bias.take(experts, 0)?.expand_dims(-2)?,
            None => Ok(y),
        }
    }
}
