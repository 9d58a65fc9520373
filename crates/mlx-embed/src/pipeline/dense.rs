//! A linear layer behind the pooling.

use mlx_core::{Array, Result as MlxResult};
use mlx_hub::Directory;
use mlx_nn::Linear;
use serde::Deserialize;

use crate::{Error, Result};

/// A linear layer with an activation.
#[derive(Debug)]
pub(super) struct Dense {
    linear: Linear,
    activation: Activation,
}

#[derive(Clone, Copy, Debug)]
enum Activation {
    Identity,
    Tanh,
    Relu,
    Gelu,
}

#[derive(Deserialize)]
struct Config {
    in_features: i32,
    out_features: i32,
    #[serde(default = "yes")]
    bias: bool,
    #[serde(default = "tanh")]
    activation_function: String,
}

fn yes() -> bool {
    true
}

fn tanh() -> String {
    "torch.nn.modules.activation.Tanh".into()
}

impl Dense {
    /// The layer in the folder `path`.
    pub(super) fn read(directory: &Directory, path: &str) -> Result<Self> {
        let config: Config = super::config(directory, path)?;
        let activation = match config.activation_function.rsplit('.').next().unwrap_or_default() {
            "Identity" => Activation::Identity,
            "Tanh" => Activation::Tanh,
            "ReLU" => Activation::Relu,
            "GELU" => Activation::Gelu,
            other => {
                let problem = format!("activation_function `{other}` is not supported");
                return Err(Error::config(format!("{path}/config.json"), problem));
            }
        };
        let linear = super::weights(directory, path)?.build(|w| {
            w.linear_with_bias("linear", [config.out_features, config.in_features], config.bias)
        })?;
        Ok(Self { linear, activation })
    }

    /// `[texts, in] -> [texts, out]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let y = self.linear.forward(x)?;
        match self.activation {
            Activation::Identity => Ok(y),
            Activation::Tanh => y.tanh(),
            Activation::Relu => mlx_nn::relu(&y),
            Activation::Gelu => mlx_nn::gelu(&y),
        }
    }
}
