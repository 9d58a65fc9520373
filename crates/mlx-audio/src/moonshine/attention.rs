//! Attention whose queries and keys positions turn.

use mlx_core::fast::{Heads, Mask, Rope, rope_heads, scaled_dot_product_attention};
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Linear, Module, Weights};

use super::config::Sizes;
use crate::Result;
use crate::whisper::Memory;

/// Attention of several heads, of which neighbouring features turn.
#[derive(Module)]
pub(super) struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    #[module(skip)]
    sizes: Sizes,
}

impl Attention {
    pub(super) fn load(w: &Weights, sizes: Sizes) -> Result<Self> {
        let Sizes { width, heads, key_heads, bias, .. } = sizes;
        let keys = width / heads * key_heads;
        Ok(Self {
            q_proj: w.linear_with_bias("q_proj", [width, width], bias)?,
            k_proj: w.linear_with_bias("k_proj", [keys, width], bias)?,
            v_proj: w.linear_with_bias("v_proj", [keys, width], bias)?,
            o_proj: w.linear("o_proj", [width, width])?,
            sizes,
        })
    }

    /// What `x` `[batch, length, width]` offers to be seen. Keys turn by their places, if they have any, which begin at
    /// `from`.
    pub(super) fn memory(&self, x: &Array, from: Option<i32>) -> MlxResult<Memory> {
        let [keys, values] = Linear::forward_each([&self.k_proj, &self.v_proj], x)?;
        let heads = self.sizes.key_heads;
        Ok(Memory { keys: self.apart(&keys, heads, from)?, values: self.apart(&values, heads, None)? })
    }

    /// `x` and what the queries of `normed` `[batch, length, width]` see in `memory`.
    pub(super) fn forward(
        &self,
        [x, normed]: [&Array; 2],
        memory: &Memory,
        mask: Mask<'_>,
        from: Option<i32>,
    ) -> MlxResult<Array> {
        let [batch, length, width] = normed.dims()?;
        let queries = self.apart(&self.q_proj.forward(normed)?, self.sizes.heads, from)?;
        let scale = f64::from(queries.dim(-1)?).recip().sqrt() as f32;
        let seen = scaled_dot_product_attention(&queries, &memory.keys, &memory.values, scale, mask, None)?;
        let seen = seen.transpose([0, 2, 1, 3])?.reshape([batch, length, width])?;
        self.o_proj.forward_then(&seen, None, Some(x))
    }

    fn apart(&self, x: &Array, heads: i32, from: Option<i32>) -> MlxResult<Array> {
        let part = Heads { x, heads, norm: None };
        let Some(offset) = from else { return part.split() };
        let Sizes { turned: dims, theta, .. } = self.sizes;
        let turn = Rope { dims, traditional: true, base: Some(theta), scale: 1.0, offset, freqs: None };
        let [turned] = rope_heads([part], turn, None)?;
        Ok(turned)
    }
}
