//! From the hidden states of an image to one.

use mlx_core::fast::{Mask, scaled_dot_product_attention};
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{LayerNorm, Linear, Module, Weights};
use mlx_vision::{EncoderSizes, FeedForward};

use crate::Result;

/// A learned query that attends to all hidden states, and two linear layers behind it.
///
/// Zhai et al., "Scaling Vision Transformers".
#[derive(Module)]
#[module(no_tree)]
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
    pub(super) fn load(w: &Weights, sizes: &EncoderSizes) -> Result<Self> {
        let (attention, hidden) = (w.at("attention"), sizes.width);
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
            norm: sizes.norm(w, "layernorm")?,
            feed: FeedForward::load(&w.at("mlp"), ["fc1", "fc2"], [hidden, sizes.inner], sizes.activation)?,
            heads: sizes.heads,
        })
    }

    /// `[images, patches, hidden] -> [images, hidden]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let probe = self.query.forward(&self.probe)?;
        let probe = probe.broadcast_to([x.dim(0)?, 1, probe.dim(-1)?])?;
        let (key, value) = (self.key.forward(x)?, self.value.forward(x)?);
        let seen = self.output.forward(&attend([&probe, &key, &value], self.heads)?)?;
        self.feed.forward(&self.norm.forward(&seen)?, &seen)?.index((.., 0))
    }
}

/// What queries `[batch, queries, hidden]` see of keys and values `[batch, length, hidden]`: `[batch, queries, hidden]`.
fn attend([q, k, v]: [&Array; 3], heads: i32) -> MlxResult<Array> {
    let split = |x: &Array| x.unflatten(-1, [heads, -1])?.transpose([0, 2, 1, 3]);
    let (q, k, v) = (split(q)?, split(k)?, split(v)?);
    let scale = f64::from(q.dim(-1)?).recip().sqrt() as f32;
    let seen = scaled_dot_product_attention(&q, &k, &v, scale, Mask::None, None)?;
    seen.transpose([0, 2, 1, 3])?.flatten(-2, -1)
}
