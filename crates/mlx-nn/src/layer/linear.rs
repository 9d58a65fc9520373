//! A linear layer.

use mlx_core::{Array, Result};

use crate::layer::layers;
use crate::{Matrix, Module, Weights, init};

/// `x · wᵀ + b`, with a weight of `[outputs, inputs]` that may be quantized.
#[derive(Clone, Debug, Module)]
pub struct Linear {
    #[module(flatten)]
    pub(super) weight: Matrix,
    pub(super) bias: Option<Array>,
}

impl Linear {
    /// A layer of a weight `[outputs, inputs]` and perhaps a bias `[outputs]`.
    pub fn new(weight: impl Into<Matrix>, bias: Option<Array>) -> Self {
        Self { weight: weight.into(), bias }
    }

    /// The layer at the path of `w`, of a weight of `[outputs, inputs]`, dense or quantized as stored.
    pub fn load(w: &Weights, [outputs, inputs]: [i32; 2], bias: bool) -> crate::Result<Self> {
        let weight = w.matrix([outputs, inputs], init::within_root(inputs))?;
        let bias = bias.then(|| w.parameter("bias", [outputs], init::within_root(inputs)));
        Ok(Self { weight, bias: bias.transpose()? })
    }

    /// `[…, inputs] -> […, outputs]`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        let y = self.weight.project(x)?;
        match &self.bias {
            Some(bias) => y + bias,
            None => Ok(y),
        }
    }
}

layers!(Linear);
