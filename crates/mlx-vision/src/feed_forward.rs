//! What becomes of each patch by itself.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Linear, Module, Result, Weights};

use crate::Activation;

/// Two linear layers with an activation between them, the first perhaps with a gate beside it.
#[derive(Module)]
#[module(no_tree)]
pub struct FeedForward {
    up: Linear,
    gate: Option<Linear>,
    down: Linear,
    #[module(skip)]
    activation: Activation,
}

impl FeedForward {
    /// Layers of these names at the path of `w`, with biases, from `[width]` to `[inner]` and back.
    pub fn load(
        w: &Weights,
        [up, down]: [&str; 2],
        [width, inner]: [i32; 2],
        activation: Activation,
    ) -> Result<Self> {
        Ok(Self {
            up: w.linear_with_bias(up, [inner, width], true)?,
            gate: None,
            down: w.linear_with_bias(down, [width, inner], true)?,
            activation,
        })
    }

    /// The layers `gate_proj`, `up_proj` and `down_proj`. Shazeer, "GLU Variants Improve Transformer".
    pub fn gated(w: &Weights, [width, inner]: [i32; 2], bias: bool, activation: Activation) -> Result<Self> {
        Ok(Self {
            up: w.linear_with_bias("up_proj", [inner, width], bias)?,
            gate: Some(w.linear_with_bias("gate_proj", [inner, width], bias)?),
            down: w.linear_with_bias("down_proj", [width, inner], bias)?,
            activation,
        })
    }

    /// What the layers make of `x`, and `plus`: `[…, width] -> […, width]`.
    pub fn forward(&self, x: &Array, plus: &Array) -> MlxResult<Array> {
        self.down.forward_then(&self.inner(x)?, None, Some(plus))
    }

    /// What the layers make of `x` by itself.
    pub fn alone(&self, x: &Array) -> MlxResult<Array> {
        self.down.forward(&self.inner(x)?)
    }

    fn inner(&self, x: &Array) -> MlxResult<Array> {
        match &self.gate {
            None => self.activation.after(&self.up, x),
            Some(gate) => self.activation.after(gate, x)? * self.up.forward(x)?,
        }
    }
}
