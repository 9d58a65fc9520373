//! The feed-forward layer of a transformer.

use mlx_core::{Array, Result};

use crate::layer::layers;
use crate::{Linear, Module, Weights, swiglu};

/// A gated layer: `down(silu(gate(x)) · up(x))`.
#[derive(Clone, Debug, Module)]
pub struct Mlp {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
}

impl Mlp {
    /// The layer at the path of `w`, from `hidden` features to `inner` and back, with or without biases.
    pub fn load(w: &Weights, hidden: i32, inner: i32, bias: bool) -> crate::Result<Self> {
        Ok(Self {
            gate_proj: w.linear_with_bias("gate_proj", [inner, hidden], bias)?,
            up_proj: w.linear_with_bias("up_proj", [inner, hidden], bias)?,
            down_proj: w.linear_with_bias("down_proj", [hidden, inner], bias)?,
        })
    }

    /// `[…, hidden] -> […, hidden]`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        self.down_proj.forward(&swiglu(&self.gate_proj.forward(x)?, &self.up_proj.forward(x)?)?)
    }
}

layers!(Mlp);
