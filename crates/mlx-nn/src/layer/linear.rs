//! A linear layer.

use mlx_core::{Array, Result};

use crate::layer::layers;
use crate::lora::{Adapter, Place, PlaceMut, Role};
use crate::{Matrix, Module};

/// `x · wᵀ + b`, with a weight of `[outputs, inputs]` that may be quantized, and [adapted](crate::lora).
#[derive(Clone, Debug, Module)]
pub struct Linear {
    #[module(flatten)]
    weight: Matrix,
    bias: Option<Array>,
    #[module(flatten)]
    adapter: Option<Adapter>,
}

impl Linear {
    /// A layer of a weight `[outputs, inputs]` and perhaps a bias `[outputs]`.
    pub fn new(weight: impl Into<Matrix>, bias: Option<Array>) -> Self {
        Self { weight: weight.into(), bias, adapter: None }
    }

    /// `[…, inputs] -> […, outputs]`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        let y = match &self.adapter {
            Some(adapter) => adapter.project(&self.weight, x)?,
            None => self.weight.project(x)?,
        };
        match &self.bias {
            Some(bias) => y + bias,
            None => Ok(y),
        }
    }

    pub(crate) fn place(&self) -> Place<'_> {
        Place { role: Role::Linear, matrix: &self.weight, adapter: self.adapter.as_ref() }
    }

    pub(crate) fn place_mut(&mut self) -> PlaceMut<'_> {
        PlaceMut { role: Role::Linear, matrix: &mut self.weight, adapter: &mut self.adapter }
    }
}

layers!(Linear);
