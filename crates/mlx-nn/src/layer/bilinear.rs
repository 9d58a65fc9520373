//! A layer of two inputs.

use mlx_core::{Array, Result};

use crate::{Error, Module, Weights, init};

/// `yᵢ = x₂ᵀ · Wᵢ · x₁ + bᵢ`, with a weight of `[outputs, second, first]`.
#[derive(Clone, Debug, Module)]
pub struct Bilinear {
    weight: Array,
    bias: Option<Array>,
}

impl Bilinear {
    /// A layer of a weight `[outputs, second, first]` and perhaps a bias `[outputs]`.
    pub fn new(weight: Array, bias: Option<Array>) -> Self {
        Self { weight, bias }
    }

    /// The layer at the path of `w`, of a weight of this shape.
    ///
    /// # Errors
    /// The first input has no features.
    pub fn load(w: &Weights, [outputs, second, first]: [i32; 3], bias: bool) -> crate::Result<Self> {
        if first < 1 {
            return Err(Error::config("input1_dims", format!("{first} is not a positive number")));
        }
        let drawn = init::within_root(first);
        let weight = w.parameter("weight", [outputs, second, first], drawn)?;
        let bias = bias.then(|| w.parameter("bias", [outputs], drawn)).transpose()?;
        Ok(Self::new(weight, bias))
    }

    /// `[…, first]` and `[…, second]`, alike but for the last axis, give `[…, outputs]`.
    #[track_caller]
    pub fn forward(&self, x1: &Array, x2: &Array) -> Result<Array> {
        let [outputs, second, first] = self.weight.dims()?;
        let rows = self.weight.reshape([-1, first])?;
        let y = x1.matmul(rows.t()?)?.unflatten(-1, [outputs, second])?;
        let y = y.matmul(x2.expand_dims(-1)?)?.squeeze(-1)?;
        match &self.bias {
            Some(bias) => y + bias,
            None => Ok(y),
        }
    }
}
