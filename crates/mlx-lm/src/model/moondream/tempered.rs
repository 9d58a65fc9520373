//! Attention whose queries and values grow with what they are of, and with their position.

use mlx_core::{Array, Dtype, Index, Result as MlxResult, concatenate};
use mlx_nn::{Linear, Module, Offset, Rope, Weights, gelu};

use crate::Result;
use crate::cache::{LayerCache, Mask, Scoring};
use crate::model::part::{Attend, Sizes, heads};

/// Attention of Moondream 3.
#[derive(Module)]
pub(super) struct Tempered {
    qkv: Linear,
    proj: Linear,
    tau: Tau,
    rope: Rope,
    heads: i32,
    kv_heads: i32,
}

/// What a token says of how its queries and values grow in each head, `[heads, width]`, and how fast heads grow with the
/// logarithm of a position.
#[derive(Module)]
struct Tau {
    wq: Array,
    wv: Array,
    alpha: Array,
}

impl Tempered {
    /// The layer at the path of `w`.
    pub(super) fn load(w: &Weights, sizes: &Sizes, rope: Rope) -> Result<Self> {
        let Sizes { hidden, heads, kv_heads, .. } = *sizes;
        if heads != kv_heads {
            let problem =
                format!("{kv_heads} num_key_value_heads of {heads} are not supported: they must be as many");
            return Err(crate::Error::Config(problem));
        }
        let (queries, keys) = sizes.projected();
        let width = queries.saturating_add(keys.saturating_mul(2));
        let zeros = |shape: &[i32], _: &_| Array::zeros(shape, Dtype::Float32);
        let tau = w.at("tau");
        Ok(Self {
            qkv: w.linear_with_bias("qkv", [width, hidden], true)?,
            proj: w.linear_with_bias("proj", [hidden, queries], true)?,
            tau: Tau {
                wq: tau.parameter("wq", [heads, width], zeros)?,
                wv: tau.parameter("wv", [heads, width], zeros)?,
                alpha: tau.parameter("alpha", [heads], zeros)?,
            },
            rope,
            heads,
            kv_heads,
        })
    }
}

impl Attend for Tempered {
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        let all = self.qkv.forward(x)?;
        let width = all.dim(-1)? / (self.heads + 2 * self.kv_heads).max(1);
        let (keys, values) = (self.heads * width, (self.heads + self.kv_heads) * width);
        let offset = cache.offset();
        let [of_queries, of_values] = self.tau.growths(&all, offset)?;
        let q = heads::split(&all.index((Index::Ellipsis, ..keys))?, self.heads)?;
        let k = heads::split(&all.index((Index::Ellipsis, keys..values))?, self.kv_heads)?;
        let v = heads::split(&all.index((Index::Ellipsis, values..))?, self.kv_heads)?;
        let q = self.rope.forward(&(q * of_queries)?, offset)?;
        let k = self.rope.forward(&k, offset)?;
        let scoring = Scoring { scale: (width as f32).powf(-0.5), softcap: None, sinks: None };
        let y = cache.attend(&q, &k, &(v * of_values)?, scoring, mask)?;
        self.proj.forward(&heads::join(&y)?)
    }
}

impl Tau {
    /// The factors of queries and of values `[batch, heads, length, 1]`, where those of a token have `all` in common,
    /// `[batch, length, width]`.
    fn growths(&self, all: &Array, offset: Offset<'_>) -> MlxResult<[Array; 2]> {
        let length = all.dim(1)?;
        // Padding stands before the first position.
        let positions = (offset.positions(length)?.maximum(0)?.astype(Dtype::Float32)? + 1.0)?;
        let turns = (positions.log()?.reshape([-1, length, 1])? * self.alpha.astype(Dtype::Float32)?)?;
        let grown = (turns.sigmoid()? + 0.5)?.astype(all.dtype())?;
        let said = gelu(all)?.matmul(&concatenate([&self.wq, &self.wv], 0)?.t()?)?.tanh()?;
        let heads = self.alpha.dim(0)?;
        let part = |said: Array| (said + &grown)?.swapaxes(1, 2)?.expand_dims(-1);
        let [queries, values] =
            [said.index((Index::Ellipsis, ..heads))?, said.index((Index::Ellipsis, heads..))?].map(part);
        Ok([queries?, values?])
    }
}
