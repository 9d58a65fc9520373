//! From the hidden states of an image to one.

use mlx_core::fast::Mask;
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{LayerNorm, Linear, Module, Weights};

use super::config::Layers;
use super::layer::{FeedForward, attend, norm};
use crate::Result;

/// A learned query that attends to all hidden states, and two linear layers behind it.
///
/// Zhai et al., "Scaling Vision Transformers".
#[derive(Module)]
pub(super) struct AttentionPooling {
    probe: Array,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    norm: LayerNorm,
    feed: FeedForward,
    heads: i32,
}

impl AttentionPooling {
    pub(super) fn load(w: &Weights, config: &Layers) -> Result<Self> {
        let (attention, hidden) = (w.at("attention"), config.hidden_size);
        // Queries, keys and values are one matrix.
        let weight = attention.array("in_proj_weight", [3 * hidden, hidden])?;
        let bias = attention.array("in_proj_bias", [3 * hidden])?;
        let third = |at: i32| -> MlxResult<Linear> {
            let rows = at * hidden..(at + 1) * hidden;
            Ok(Linear::new(weight.index(rows.clone())?, Some(bias.index(rows)?)))
        };
        Ok(Self {
            probe: w.array("probe", [1, 1, hidden])?,
            query: third(0)?,
            key: third(1)?,
            value: third(2)?,
            output: attention.linear_with_bias("out_proj", [hidden, hidden], true)?,
            norm: norm(w, "layernorm", config)?,
            feed: FeedForward::load(&w.at("mlp"), config)?,
            heads: config.num_attention_heads,
        })
    }

    /// `[images, patches, hidden] -> [images, hidden]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let probe = self.query.forward(&self.probe)?;
        let probe = probe.broadcast_to([x.dim(0)?, 1, probe.dim(-1)?])?;
        let (key, value) = (self.key.forward(x)?, self.value.forward(x)?);
        let seen = self.output.forward(&attend([&probe, &key, &value], self.heads, Mask::None)?)?;
        self.feed.forward(&self.norm.forward(&seen)?, &seen)?.index((.., 0))
    }
}
