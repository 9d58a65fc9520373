//! Attention of the encoder and the decoder.

use mlx_core::fast::{Mask, scaled_dot_product_attention};
use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{Linear, Module, Weights};

use crate::Result;

/// Attention of several heads.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: i32,
}

/// Keys and values `[batch, heads, length, width]`.
#[derive(Clone)]
pub(super) struct Memory {
    keys: Array,
    values: Array,
}

impl Attention {
    pub(super) fn load(w: &Weights, width: i32, heads: i32) -> Result<Self> {
        let linear = |name| w.linear_with_bias(name, [width, width], true);
        let (query, key, value) = (linear("q_proj")?, linear("k_proj")?, linear("v_proj")?);
        Ok(Self { query, key, value, output: linear("out_proj")?, heads })
    }

    /// What `x` `[batch, length, width]` offers to be seen.
    pub(super) fn memory(&self, x: &Array) -> MlxResult<Memory> {
        let [keys, values] = Linear::forward_each([&self.key, &self.value], x)?;
        Ok(Memory { keys: self.apart(&keys)?, values: self.apart(&values)? })
    }

    /// `x` and what its queries see in `memory`. Several rows of `x` may share one memory, where there is no mask.
    pub(super) fn forward(&self, x: &Array, memory: &Memory, mask: Mask<'_>) -> MlxResult<Array> {
        let [rows, length, width] = x.dims()?;
        let batch = memory.keys.dim(0)?;
        let q =
            self.apart(&self.query.forward(x)?.reshape([batch, rows * length / batch.max(1), width])?)?;
        let scale = f64::from(q.dim(-1)?).recip().sqrt() as f32;
        let seen = scaled_dot_product_attention(&q, &memory.keys, &memory.values, scale, mask, None)?;
        let seen = seen.transpose([0, 2, 1, 3])?.reshape([rows, length, width])?;
        self.output.forward_then(&seen, None, Some(x))
    }

    fn apart(&self, x: &Array) -> MlxResult<Array> {
        x.unflatten(-1, [self.heads, -1])?.transpose([0, 2, 1, 3])
    }
}

impl Memory {
    /// This with what comes behind it.
    pub(super) fn then(&self, next: &Self) -> MlxResult<Self> {
        Ok(Self {
            keys: concatenate([&self.keys, &next.keys], 2)?,
            values: concatenate([&self.values, &next.values], 2)?,
        })
    }

    /// Of these rows.
    pub(super) fn rows(&self, rows: &Array) -> MlxResult<Self> {
        Ok(Self { keys: self.keys.take(rows, 0)?, values: self.values.take(rows, 0)? })
    }
}
