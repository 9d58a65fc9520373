//! The gated feed-forward layer.

use mlx_core::{Array, Index, Result as MlxResult, keep};
use mlx_nn::{Linear, Module, Weights};

use super::{Activation, FeedForward, Sizes};
use crate::Result;

/// `down(activation(gate(x)) · up(x))`.
#[derive(Module)]
pub(crate) struct GatedMlp {
    #[module(flatten)]
    gates: Gates,
    down_proj: Linear,
    #[module(skip)]
    activation: Activation,
    cutoff: Option<f32>,
}

#[derive(Module)]
enum Gates {
    Apart { gate_proj: Linear, up_proj: Linear },
    Fused { gate_up_proj: Linear },
}

/// How families differ in it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GatedOptions {
    pub(crate) activation: Activation,
    pub(crate) bias: bool,
    /// What a token passes within, if that is not as in the other layers.
    pub(crate) inner: Option<i32>,
    /// Gates are off unless they are so many standard deviations above their mean.
    pub(crate) cutoff: Option<f32>,
    /// The gate and what it gates are the two halves of `gate_up_proj`.
    pub(crate) fused: bool,
}

impl GatedMlp {
    /// The layer at the path of `w`.
    pub(crate) fn load(w: &Weights, sizes: &Sizes, options: GatedOptions) -> Result<Self> {
        let (hidden, inner) = (sizes.hidden, options.inner.unwrap_or(sizes.inner));
        let linear = |name, shape| w.linear_with_bias(name, shape, options.bias);
        let gates = if options.fused {
            Gates::Fused { gate_up_proj: linear("gate_up_proj", [2 * inner, hidden])? }
        } else {
            Gates::Apart {
                gate_proj: linear("gate_proj", [inner, hidden])?,
                up_proj: linear("up_proj", [inner, hidden])?,
            }
        };
        let down_proj = linear("down_proj", [hidden, inner])?;
        Ok(Self { gates, down_proj, activation: options.activation, cutoff: options.cutoff })
    }

    /// `[…, hidden] -> […, hidden]`.
    pub(crate) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let (mut gate, up) = self.gates.forward(x)?;
        if let Some(deviations) = self.cutoff {
            gate = above(&gate, deviations)?;
        }
        self.down_proj.forward(&(self.activation.forward(&gate)? * up)?)
    }
}

impl FeedForward for GatedMlp {
    fn forward(&self, x: &Array) -> MlxResult<Array> {
        self.forward(x)
    }
}

/// By how much `x` `[…, width]` is above the mean of its row and so many standard deviations, else 0.
fn above(x: &Array, deviations: f32) -> MlxResult<Array> {
    let cutoff = (x.mean(keep(-1))? + (x.std(keep(-1), 0)? * deviations)?)?;
    (x - cutoff)?.maximum(0)
}

impl Gates {
    fn forward(&self, x: &Array) -> MlxResult<(Array, Array)> {
        match self {
            Self::Apart { gate_proj, up_proj } => Ok((gate_proj.forward(x)?, up_proj.forward(x)?)),
            Self::Fused { gate_up_proj } => {
                let both = gate_up_proj.forward(x)?;
                let inner = both.dim(-1)? / 2;
                Ok((both.index((Index::Ellipsis, ..inner))?, both.index((Index::Ellipsis, inner..))?))
            }
        }
    }
}
