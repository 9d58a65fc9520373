//! The activations of towers.

use mlx_core::{Array, Result as MlxResult, fast};
use mlx_nn::{Error, Linear, Result, gelu, gelu_approx, gelu_fast_approx, silu};

/// An activation of a tower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// One that is computed with the product before it.
    Fast(fast::Activation),
    /// `x · σ(1.702 · x)`, which CLIP is trained with. Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)".
    QuickGelu,
}

impl Activation {
    /// The one that a config calls `name`.
    ///
    /// # Errors
    /// It is not known.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "quick_gelu" => Self::QuickGelu,
            "gelu" | "gelu_python" => Self::Fast(fast::Activation::Gelu),
            "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Self::Fast(fast::Activation::GeluApprox),
            "silu" | "swish" => Self::Fast(fast::Activation::Silu),
            _ => {
                let problem = format!("`{name}` is not supported");
                return Err(Error::Config { field: "hidden_act".into(), problem });
            }
        })
    }

    /// What it makes of `x`.
    pub fn of(self, x: &Array) -> MlxResult<Array> {
        match self {
            Self::Fast(fast::Activation::Gelu) => gelu(x),
            Self::Fast(fast::Activation::GeluApprox) => gelu_approx(x),
            Self::Fast(fast::Activation::Silu) => silu(x),
            Self::QuickGelu => gelu_fast_approx(x),
        }
    }

    /// What it makes of what `layer` makes of `x`.
    pub fn after(self, layer: &Linear, x: &Array) -> MlxResult<Array> {
        match self {
            Self::Fast(activation) => layer.forward_then(x, Some(activation), None),
            Self::QuickGelu => gelu_fast_approx(&layer.forward(x)?),
        }
    }
}
