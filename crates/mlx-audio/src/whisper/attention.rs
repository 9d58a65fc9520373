//! Attention of the encoder and the decoder.

use mlx_core::fast::{Mask, scaled_dot_product_attention};
use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{Linear, Module, Weights};

use crate::Result;

/// Attention of several heads.
#[derive(Module)]
pub(super) struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    heads: i32,
}

/// Keys and values `[batch, heads, length, width]`.
#[derive(Clone)]
pub(crate) struct Memory {
    pub(crate) keys: Array,
    pub(crate) values: Array,
}

impl Attention {
    pub(super) fn load(w: &Weights, width: i32, heads: i32, key_bias: bool) -> Result<Self> {
        let linear = |name, bias| w.linear_with_bias(name, [width, width], bias);
        Ok(Self {
            q_proj: linear("q_proj", true)?,
            k_proj: linear("k_proj", key_bias)?,
            v_proj: linear("v_proj", true)?,
            out_proj: linear("out_proj", true)?,
            heads,
        })
    }

    /// What `x` `[batch, length, width]` offers to be seen.
    pub(super) fn memory(&self, x: &Array) -> MlxResult<Memory> {
        let [keys, values] = Linear::forward_each([&self.k_proj, &self.v_proj], x)?;
        Ok(Memory { keys: self.apart(&keys)?, values: self.apart(&values)? })
    }

    /// `plus` and what the queries of `x` see in `memory`. Where `x` has several rows for one of `memory`, these share it.
    pub(super) fn forward(
        &self,
        x: &Array,
        memory: &Memory,
        mask: Mask<'_>,
        plus: &Array,
    ) -> MlxResult<Array> {
        let [rows, length, width] = x.dims()?;
        let batch = memory.keys.dim(0)?;
        let q = self.q_proj.forward(x)?;
        let q = if rows == batch { q } else { q.reshape([batch, -1, width])? };
        let q = self.apart(&q)?;
        let scale = f64::from(q.dim(-1)?).recip().sqrt() as f32;
        let seen = scaled_dot_product_attention(&q, &memory.keys, &memory.values, scale, mask, None)?;
        let seen = seen.transpose([0, 2, 1, 3])?.reshape([rows, length, width])?;
        self.out_proj.forward_then(&seen, None, Some(plus))
    }

    /// The scores of all heads for `memory`, before their softmax: `[batch, heads, queries, keys]`.
    pub(super) fn scores(&self, x: &Array, memory: &Memory) -> MlxResult<Array> {
        let q = self.apart(&self.q_proj.forward(x)?)?;
        let scale = f64::from(q.dim(-1)?).recip().sqrt() as f32;
        (q * scale)?.matmul(memory.keys.swapaxes(-1, -2)?)
    }

    fn apart(&self, x: &Array) -> MlxResult<Array> {
        let [batch, length, width] = x.dims()?;
        x.reshape([batch, length, self.heads, width / self.heads])?.transpose([0, 2, 1, 3])
    }
}

impl Memory {
    /// This with what comes behind it.
    pub(crate) fn then(&self, next: &Self) -> MlxResult<Self> {
        Ok(Self {
            keys: concatenate([&self.keys, &next.keys], 2)?,
            values: concatenate([&self.values, &next.values], 2)?,
        })
    }

    /// Of these rows.
    pub(super) fn rows(&self, rows: &Array) -> MlxResult<Self> {
        Ok(Self { keys: self.keys.take(rows, 0)?, values: self.values.take(rows, 0)? })
    }

    pub(crate) fn length(&self) -> MlxResult<i32> {
        self.keys.dim(2)
    }

    pub(super) fn arrays(&self) -> [&Array; 2] {
        [&self.keys, &self.values]
    }
}
