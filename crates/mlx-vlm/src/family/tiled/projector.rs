//! From vectors of a tower to those of the decoder.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Linear, Module, Weights};
use mlx_vision::Activation;

use crate::Result;

/// Two linear layers with an activation between them.
#[derive(Module)]
#[module(no_tree)]
pub(in crate::family) struct Projector {
    linear_1: Linear,
    linear_2: Linear,
    #[module(skip)]
    activation: Activation,
}

/// What a projector is like.
#[derive(Clone, Copy, Debug)]
pub(in crate::family) struct Connector {
    /// The widths of what comes in, of what is between the layers, and of what comes out.
    pub(in crate::family) widths: [i32; 3],
    pub(in crate::family) bias: bool,
    pub(in crate::family) activation: Activation,
}

impl Projector {
    /// The layers `linear_1` and `linear_2` of the scope `w`.
    pub(in crate::family) fn load(w: &Weights, connector: Connector) -> Result<Self> {
        Self::named(w, ["linear_1", "linear_2"], connector)
    }

    /// Layers of these names in the scope `w`.
    pub(in crate::family) fn named(
        w: &Weights,
        [first, last]: [&str; 2],
        connector: Connector,
    ) -> Result<Self> {
        let Connector { widths: [input, inner, output], bias, activation } = connector;
        Ok(Self {
            linear_1: w.linear_with_bias(first, [inner, input], bias)?,
            linear_2: w.linear_with_bias(last, [output, inner], bias)?,
            activation,
        })
    }

    /// `[…, input] -> […, output]`.
    pub(in crate::family) fn forward(&self, x: &Array) -> MlxResult<Array> {
        self.linear_2.forward(&self.activation.after(&self.linear_1, x)?)
    }
}
