//! Attention of layers that may share keys and values.

use mlx_core::{Array, Error as MlxError, Result as MlxResult};
use mlx_nn::{Linear, Module, Offset, Rope, Weights};

use crate::Result;
use crate::cache::{LayerCache, Mask, Seen};
use crate::model::part::{Norm, Norms, Sizes, heads};

/// Where a layer finds keys and values in one pass, and which of them a token may see.
pub(crate) struct Keys<'a> {
    pub(super) mask: &'a Mask,
    /// The layer's own memory, if it has one.
    pub(super) cache: Option<&'a mut LayerCache>,
    /// What the last layer of this kind with a memory has seen.
    pub(super) seen: &'a mut Option<Seen>,
}

/// How layers differ in it.
pub(super) struct SharedOptions {
    pub(super) sizes: Sizes,
    pub(super) norms: Norms,
    pub(super) rope: Rope,
    /// The layer reads what another one keeps.
    pub(super) reads: bool,
    /// Values are what keys are made of.
    pub(super) keys_are_values: bool,
}

/// Grouped-query attention with norms for queries, keys and values, and a scale of 1.
#[derive(Module)]
pub(super) struct SharedAttention {
    q_proj: Linear,
    q_norm: Norm,
    o_proj: Linear,
    /// Absent in layers that read what another one keeps.
    #[module(flatten)]
    own: Option<Own>,
    rope: Rope,
    heads: i32,
}

/// What makes keys and values.
#[derive(Module)]
struct Own {
    k_proj: Linear,
    v_proj: Option<Linear>,
    k_norm: Norm,
    v_norm: Norm,
    heads: i32,
}

impl SharedAttention {
    /// The layer at the path of `w`. What a checkpoint stores for keys that the layer does not make is left over.
    pub(super) fn load(w: &Weights, options: SharedOptions) -> Result<Self> {
        let SharedOptions { sizes, norms, rope, reads, keys_are_values } = options;
        let (hidden, (queries, keys)) = (sizes.hidden, sizes.projected());
        if reads {
            const UNUSED: [&str; 4] = [".k_proj.", ".v_proj.", ".k_norm.", ".v_norm."];
            w.ignore(|key| UNUSED.iter().any(|unused| key.contains(unused)));
        }
        let own = || {
            let v_proj = (!keys_are_values).then(|| w.linear("v_proj", [keys, hidden]));
            Ok::<_, crate::Error>(Own {
                k_proj: w.linear("k_proj", [keys, hidden])?,
                v_proj: v_proj.transpose()?,
                k_norm: norms.load(w, "k_norm", sizes.head_dim)?,
                v_norm: norms.unscaled(),
                heads: sizes.kv_heads,
            })
        };
        Ok(Self {
            q_proj: w.linear("q_proj", [queries, hidden])?,
            q_norm: norms.load(w, "q_norm", sizes.head_dim)?,
            o_proj: w.linear("o_proj", [hidden, queries])?,
            own: (!reads).then(own).transpose()?,
            rope,
            heads: sizes.heads,
        })
    }

    /// `[batch, length, hidden] -> [batch, length, hidden]`.
    pub(super) fn forward(&self, x: &Array, keys: Keys<'_>) -> MlxResult<Array> {
        let Keys { mask, cache, seen } = keys;
        if let Some(own) = &self.own {
            let cache = cache.ok_or_else(|| missing("a memory"))?;
            let (k, v) = own.forward(x, &self.rope, cache.offset())?;
            *seen = Some(cache.push(&k, &v)?);
        }
        let seen = seen.as_ref().ok_or_else(|| missing("keys and values"))?;
        let q = self.q_norm.forward(&heads::split(&self.q_proj.forward(x)?, self.heads)?)?;
        let y = seen.attend(&self.rope.forward(&q, seen.offset())?, 1.0, mask)?;
        self.o_proj.forward(&heads::join(&y)?)
    }
}

impl Own {
    /// Keys and values `[batch, kv_heads, length, width]`.
    fn forward(&self, x: &Array, rope: &Rope, offset: Offset<'_>) -> MlxResult<(Array, Array)> {
        let k = heads::split(&self.k_proj.forward(x)?, self.heads)?;
        let v = match &self.v_proj {
            Some(v_proj) => heads::split(&v_proj.forward(x)?, self.heads)?,
            None => k.clone(),
        };
        Ok((rope.forward(&self.k_norm.forward(&k)?, offset)?, self.v_norm.forward(&v)?))
    }
}

fn missing(what: &str) -> MlxError {
    MlxError::custom("cache", format!("the cache is not of this model: a layer has no {what} in it"))
}
