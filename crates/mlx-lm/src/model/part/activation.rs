//! The activations of gated layers.

use mlx_core::{Array, Result as MlxResult};
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
