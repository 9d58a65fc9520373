//! A linear layer.

use mlx_core::{Array, Result};

use crate::layer::layers;
use crate::{Matrix, Module};

/// `x · wᵀ + b`, with a weight of `[outputs, inputs]` that may be quantized.
#[derive(Clone, Debug, Module)]
pub struct Linear {
    #[module(flatten)]
    weight: Matrix,
    bias: Option<Array>,
}

impl Linear {
    /// A layer of a weight `[outputs, inputs]` and perhaps a bias `[outputs]`.
    pub fn new(weight: impl Into<Matrix>, bias: Option<Array>) -> Self {
        Self { weight: weight.into(), bias }
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
