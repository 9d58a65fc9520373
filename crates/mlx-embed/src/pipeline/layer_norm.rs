//! A layer norm behind the pooling.

use mlx_core::{Array, Result as MlxResult};
use mlx_hub::Directory;
use mlx_nn::LayerNormOptions;
use serde::Deserialize;

use crate::Result;

/// The norm of a vector's elements.
#[derive(Debug)]
pub(super) struct LayerNorm(mlx_nn::LayerNorm);

#[derive(Deserialize)]
struct Config {
    dimension: i32,
}

impl LayerNorm {
    /// The layer in the folder `path`.
    pub(super) fn read(directory: &Directory, path: &str) -> Result<Self> {
        let config: Config = super::config(directory, path)?;
        let norm = super::weights(directory, path)?.build(|w| {
            mlx_nn::LayerNorm::load(&w.at("norm"), config.dimension, LayerNormOptions::default())
        })?;
        Ok(Self(norm))
    }

    /// `[texts, width] -> [texts, width]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        self.0.forward(x)
    }
}
