//! The gated feed-forward layer.

use mlx_core::{Array, Index, Result as MlxResult, keep};
use mlx_nn::{Linear, Module, Weights};

use super::{Activation, FeedForward, Named, Sizes};
use crate::Result;

/// `down(activation(gate(x)) · up(x))`.
#[derive(Module)]
pub(crate) struct GatedMlp {
    #[module(flatten)]
    gates: Gates,
    #[module(flatten)]
    down_proj: Named<Linear>,
    #[module(skip)]
    activation: Activation,
    cutoff: Option<f32>,
}

#[derive(Module)]
enum Gates {
    Apart {
        #[module(flatten)]
        gate_proj: Named<Linear>,
        #[module(flatten)]
        up_proj: Named<Linear>,
    },
    Fused {
        gate_up_proj: Linear,
    },
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
    pub(crate) names: GatedNames,
}

/// What checkpoints call the parts that not all call the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GatedNames {
    pub(crate) gate_proj: &'static str,
    pub(crate) up_proj: &'static str,
    pub(crate) down_proj: &'static str,
}

impl Default for GatedNames {
    fn default() -> Self {
        Self { gate_proj: "gate_proj", up_proj: "up_proj", down_proj: "down_proj" }
    }
}

impl GatedMlp {
    /// The layer at the path of `w`.
    pub(crate) fn load(w: &Weights, sizes: &Sizes, options: GatedOptions) -> Result<Self> {
        let (hidden, inner) = (sizes.hidden, options.inner.unwrap_or(sizes.inner));
        let linear = |name, shape| w.linear_with_bias(name, shape, options.bias);
        let named = |name, shape| Ok::<_, crate::Error>(Named::new(name, linear(name, shape)?));
        let GatedNames { gate_proj, up_proj, down_proj } = options.names;
        let gates = if options.fused {
            Gates::Fused { gate_up_proj: linear("gate_up_proj", [2 * inner, hidden])? }
        } else {
            Gates::Apart {
                gate_proj: named(gate_proj, [inner, hidden])?,
                up_proj: named(up_proj, [inner, hidden])?,
            }
        };
        let down_proj = named(down_proj, [hidden, inner])?;
        Ok(Self { gates, down_proj, activation: options.activation, cutoff: options.cutoff })
    }

    /// `[…, hidden] -> […, hidden]`.
    pub(crate) fn forward(&self, x: &Array) -> MlxResult<Array> {
        if let (Gates::Apart { gate_proj, up_proj }, Some(activation), None) =
            (&self.gates, self.activation.fused(), self.cutoff)
        {
            return Linear::feed_forward(
                [gate_proj, up_proj, &self.down_proj].map(|w| &w.part),
                activation,
                x,
            );
        }
        let (mut gate, up) = self.gates.forward(x)?;
        if let Some(deviations) = self.cutoff {
            gate = above(&gate, deviations)?;
        }
        self.down_proj.part.forward(&self.activation.gate(&gate, &up)?)
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
            Self::Apart { gate_proj, up_proj } => {
                let [gate, up] = Linear::forward_each([&gate_proj.part, &up_proj.part], x)?;
                Ok((gate, up))
            }
            Self::Fused { gate_up_proj } => {
                let both = gate_up_proj.forward(x)?;
                let inner = both.dim(-1)? / 2;
                Ok((both.index((Index::Ellipsis, ..inner))?, both.index((Index::Ellipsis, inner..))?))
            }
        }
    }
}
