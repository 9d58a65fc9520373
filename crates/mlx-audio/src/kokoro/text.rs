//! What phonemes sound like, beside what they mean.

use mlx_core::{Array, Result as MlxResult, fast};
use mlx_nn::{Conv1d, Embedding, Module, Weights, leaky_relu};

use super::config::Config;
use super::convolution::{Shape, convolution};
use super::lstm::BiLstm;
use super::weights::floats;
use crate::Result;

/// Convolutions, then memory in both directions.
#[derive(Module)]
pub(super) struct TextEncoder {
    embedding: Embedding,
    cnn: Vec<Step>,
    lstm: BiLstm,
}

#[derive(Module)]
struct Step {
    conv: Conv1d,
    gamma: Array,
    beta: Array,
}

impl TextEncoder {
    pub(super) fn load(w: &Weights, config: &Config) -> Result<Self> {
        let width = config.hidden_dim;
        let step = |w: Weights| {
            let (norm, shape) = (w.at(1), Shape::same(config.text_encoder_kernel_size, 1));
            let [gamma, beta] = if norm.contains("weight") { ["weight", "bias"] } else { ["gamma", "beta"] };
            Ok(Step {
                conv: convolution(&w.at(0), [width, width], shape, true)?,
                gamma: floats(&norm, gamma, [width])?,
                beta: floats(&norm, beta, [width])?,
            })
        };
        Ok(Self {
            embedding: w.embedding("embedding", [config.n_token, width])?,
            cnn: w.each("cnn", config.n_layer).map(step).collect::<Result<_>>()?,
            lstm: BiLstm::load(&w.at("lstm"), width, width)?,
        })
    }

    /// `[1, length] -> [1, length, hidden]`.
    pub(super) fn forward(&self, ids: &Array) -> MlxResult<Array> {
        let mut x = self.embedding.forward(ids)?;
        for Step { conv, gamma, beta } in &self.cnn {
            x = fast::layer_norm(&conv.forward(&x)?, Some(gamma), Some(beta), 1e-5)?;
            x = leaky_relu(&x, 0.2)?;
        }
        self.lstm.forward(&x)
    }
}
