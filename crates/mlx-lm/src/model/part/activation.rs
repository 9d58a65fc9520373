//! The activations of gated layers.

use mlx_core::{Array, Result as MlxResult, fast};
use mlx_nn::{gelu, gelu_approx, relu, silu};
use serde::Deserialize;

use crate::Result;
use crate::config::Config;

/// The `hidden_act` of a config.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Activation {
    #[default]
    Silu,
    Gelu,
    GeluTanh,
    Relu,
}

#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    hidden_act: Activation,
}

impl Activation {
    /// The one that `config` names, else SiLU.
    pub(crate) fn read(config: &Config) -> Result<Self> {
        Ok(config.parse::<Stored>()?.hidden_act)
    }

    pub(crate) fn forward(self, x: &Array) -> MlxResult<Array> {
        match self {
            Self::Silu => silu(x),
            Self::Gelu => gelu(x),
            Self::GeluTanh => gelu_approx(x),
            Self::Relu => relu(x),
        }
    }

    /// `activation(gate) · x`.
    pub(crate) fn gate(self, gate: &Array, x: &Array) -> MlxResult<Array> {
        match self.fused() {
            Some(activation) => fast::gated(activation, gate, x),
            None => self.forward(gate)? * x,
        }
    }

    /// That of MLX's fused ops, if they have it.
    pub(crate) fn fused(self) -> Option<fast::Activation> {
        match self {
            Self::Silu => Some(fast::Activation::Silu),
            Self::Gelu => Some(fast::Activation::Gelu),
            Self::GeluTanh => Some(fast::Activation::GeluApprox),
            Self::Relu => None,
        }
    }
}

/// How a gate lets through what it gates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Gating {
    /// `activation(gate) · x`.
    By(Activation),
    /// `activation(gate) · (x + 1)`.
    Raised(Activation),
    /// `gate · σ(1.702 · gate) · (x + 1)`, where gates stay below the limit and `x` within it.
    Clamped { limit: f32 },
}

impl Gating {
    pub(super) fn forward(self, gate: &Array, x: &Array) -> MlxResult<Array> {
        match self {
            Self::By(activation) => activation.gate(gate, x),
            Self::Raised(activation) => activation.gate(gate, &(x + 1.0)?),
            Self::Clamped { limit } => {
                let gate = gate.minimum(limit)?;
                let open = (&gate * (&gate * 1.702)?.sigmoid()?)?;
                (x.clip(-limit..=limit)? + 1.0)? * open
            }
        }
    }
}

impl TryFrom<String> for Activation {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.as_str() {
            "silu" | "swish" => Ok(Self::Silu),
            "gelu" => Ok(Self::Gelu),
            "gelu_pytorch_tanh" | "gelu_new" | "gelu_approx" => Ok(Self::GeluTanh),
            "relu" => Ok(Self::Relu),
            _ => Err(format!("hidden_act `{name}` is not known, only silu, gelu, gelu_pytorch_tanh, relu")),
        }
    }
}
