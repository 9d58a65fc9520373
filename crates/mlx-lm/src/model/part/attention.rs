//! Grouped-query attention.

use mlx_core::fast::Heads;
use mlx_core::{Array, Dtype, Index, Result as MlxResult};
use mlx_nn::{Linear, Module, Offset, Rope, Weights};

use super::{Attend, Named, Norm, Norms, Sizes, heads};
use crate::Result;
use crate::cache::{LayerCache, Mask, Scoring};

/// How families differ in their attention.
#[derive(Clone, Debug, Default)]
pub(crate) struct AttentionOptions {
    /// How positions turn queries and keys, if they do.
    pub(crate) rope: Option<Rope>,
    /// Queries, keys and values have biases.
    pub(crate) bias: bool,
    /// The output has one.
    pub(crate) output_bias: bool,
    /// Queries, keys and values are parts of one layer, `qkv_proj` by most names.
    pub(crate) fused: bool,
    /// How queries and keys are normalised, each head by itself, before they turn.
    pub(crate) head_norms: Option<Norms>,
    /// What scores are multiplied by; else the inverse root of the width of a head.
    pub(crate) scale: Option<f32>,
    /// What scores stay below.
    pub(crate) softcap: Option<f32>,
    /// Each head has a score that takes part in the softmax and has no value.
    pub(crate) sinks: bool,
    /// How queries grow with their position.
    pub(crate) temperature: Option<Temperature>,
    /// The output is multiplied by the sigmoid of gates, which `q_proj` gives behind the query of each head.
    pub(crate) gated: bool,
    pub(crate) names: AttentionNames,
}

/// What checkpoints call the parts that not all call the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttentionNames {
    pub(crate) q_norm: &'static str,
    pub(crate) k_norm: &'static str,
    pub(crate) o_proj: &'static str,
    pub(crate) qkv_proj: &'static str,
}

impl Default for AttentionNames {
    fn default() -> Self {
        Self { q_norm: "q_norm", k_norm: "k_norm", o_proj: "o_proj", qkv_proj: "qkv_proj" }
    }
}

/// Queries are multiplied by `1 + beta · ln(1 + ⌊position / length⌋)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Temperature {
    pub(crate) beta: f32,
    pub(crate) length: i32,
}

/// Grouped-query attention.
#[derive(Module)]
pub(crate) struct Attention {
    #[module(flatten)]
    projections: Projections,
    #[module(flatten)]
    o_proj: Named<Linear>,
    #[module(flatten)]
    q_norm: Option<Named<Norm>>,
    #[module(flatten)]
    k_norm: Option<Named<Norm>>,
    sinks: Option<Array>,
    rope: Option<Rope>,
    heads: i32,
    kv_heads: i32,
    scale: f32,
    softcap: Option<f32>,
    gated: bool,
    #[module(skip)]
    temperature: Option<Temperature>,
}

#[derive(Module)]
#[expect(clippy::large_enum_variant, reason = "one for each layer, made once")]
enum Projections {
    Apart {
        q_proj: Linear,
        k_proj: Linear,
        v_proj: Linear,
    },
    Fused {
        #[module(flatten)]
        qkv_proj: Named<Linear>,
    },
}

impl Attention {
    /// The layer at the path of `w`.
    pub(crate) fn load(w: &Weights, sizes: &Sizes, options: AttentionOptions) -> Result<Self> {
        let Sizes { hidden, heads, kv_heads, head_dim, .. } = *sizes;
        let zeros = |shape: &[i32], _: &_| Array::zeros(shape, Dtype::Float32);
        let sinks = options.sinks.then(|| w.parameter("sinks", [heads], zeros)).transpose()?;
        let norm = |name| {
            let norm = options.head_norms.map(|norms| norms.load(w, name, head_dim)).transpose()?;
            Ok::<_, crate::Error>(norm.map(|norm| Named::new(name, norm)))
        };
        let AttentionNames { q_norm, k_norm, o_proj, .. } = options.names;
        let output = w.linear_with_bias(o_proj, [hidden, sizes.projected().0], options.output_bias)?;
        Ok(Self {
            projections: Projections::load(w, sizes, &options)?,
            o_proj: Named::new(o_proj, output),
            q_norm: norm(q_norm)?,
            k_norm: norm(k_norm)?,
            sinks,
            rope: options.rope,
            heads,
            kv_heads,
            scale: options.scale.unwrap_or_else(|| (head_dim as f32).powf(-0.5)),
            softcap: options.softcap,
            gated: options.gated,
            temperature: options.temperature,
        })
    }

    /// `[batch, length, hidden] -> [batch, length, hidden]`.
    pub(crate) fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        let [q, k, v] = self.projections.forward(x, self.heads, self.kv_heads)?;
        let offset = cache.offset();
        let (mut q, k, gate) = self.placed(&q, &k, offset)?;
        let v = heads::split(&v, self.kv_heads)?;
        if let Some(growth) = self.temperature.map(|t| t.growth(offset, &q)).transpose()? {
            q = (q * growth)?;
        }

        let scoring = Scoring { scale: self.scale, softcap: self.softcap, sinks: self.sinks.as_ref() };
        let y = cache.attend(&q, &k, &v, scoring, mask)?;
        let y = match gate {
            Some(gate) => (y * gate.sigmoid()?)?,
            None => y,
        };
        self.o_proj.part.forward(&heads::join(&y)?)
    }

    /// Queries `[batch, heads, length, width]`, and the gates that are stored behind them.
    fn ungated(&self, queries: Array) -> MlxResult<(Array, Option<Array>)> {
        if !self.gated {
            return Ok((queries, None));
        }
        let width = queries.dim(-1)? / 2;
        let gate = queries.index((Index::Ellipsis, width..))?;
        Ok((queries.index((Index::Ellipsis, ..width))?, Some(gate)))
    }

    /// Heads of queries and keys, normalised and turned to their positions, and the gates of the queries.
    fn placed(&self, q: &Array, k: &Array, offset: Offset<'_>) -> MlxResult<(Array, Array, Option<Array>)> {
        if let Some(rope) = self.rope.as_ref().filter(|_| !self.gated)
            && let (Some(q_norm), Some(k_norm)) = (plain(self.q_norm.as_ref()), plain(self.k_norm.as_ref()))
        {
            let queries = Heads { x: q, heads: self.heads, norm: q_norm };
            let keys = Heads { x: k, heads: self.kv_heads, norm: k_norm };
            // One op holds both inputs until both are turned: of a token that is nothing.
            let [q, k] = if q.dim(1)? == 1 {
                rope.forward_heads([queries, keys], offset)?
            } else {
                let ([q], [k]) =
                    (rope.forward_heads([queries], offset)?, rope.forward_heads([keys], offset)?);
                [q, k]
            };
            return Ok((q, k, None));
        }
        let (q, gate) = self.ungated(heads::split(q, self.heads)?)?;
        let q = self.place(q, self.q_norm.as_ref(), offset)?;
        let k = self.place(heads::split(k, self.kv_heads)?, self.k_norm.as_ref(), offset)?;
        Ok((q, k, gate))
    }

    /// Normalises heads `[batch, heads, length, width]` and turns them to their positions.
    fn place(&self, heads: Array, norm: Option<&Named<Norm>>, offset: Offset<'_>) -> MlxResult<Array> {
        let heads = norm.map(|norm| norm.part.forward(&heads)).transpose()?.unwrap_or(heads);
        match &self.rope {
            Some(rope) => rope.forward(&heads, offset),
            None => Ok(heads),
        }
    }
}

/// The weights of a norm, if there is one; none if it is not by weights alone.
#[expect(clippy::option_option, reason = "no norm is plain too")]
fn plain(norm: Option<&Named<Norm>>) -> Option<Option<(&Array, f32)>> {
    norm.map_or(Some(None), |norm| norm.part.plain().map(Some))
}

impl Attend for Attention {
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        self.forward(x, mask, cache)
    }
}

impl Projections {
    fn load(w: &Weights, sizes: &Sizes, options: &AttentionOptions) -> Result<Self> {
        let (hidden, (queries, keys)) = (sizes.hidden, sizes.projected());
        let linear = |name, width| w.linear_with_bias(name, [width, hidden], options.bias);
        Ok(if options.fused {
            let name = options.names.qkv_proj;
            Self::Fused { qkv_proj: Named::new(name, linear(name, queries + 2 * keys)?) }
        } else {
            Self::Apart {
                q_proj: linear("q_proj", if options.gated { 2 * queries } else { queries })?,
                k_proj: linear("k_proj", keys)?,
                v_proj: linear("v_proj", keys)?,
            }
        })
    }

    /// Queries, keys and values, with their heads side by side.
    fn forward(&self, x: &Array, heads: i32, kv_heads: i32) -> MlxResult<[Array; 3]> {
        match self {
            Self::Apart { q_proj, k_proj, v_proj } => Linear::forward_each([q_proj, k_proj, v_proj], x),
            Self::Fused { qkv_proj } => {
                let all = qkv_proj.part.forward(x)?;
                let dim = all.dim(-1)? / (heads + 2 * kv_heads).max(1);
                let (keys, values) = (heads * dim, (heads + kv_heads) * dim);
                let q = all.index((Index::Ellipsis, ..keys))?;
                let k = all.index((Index::Ellipsis, keys..values))?;
                let v = all.index((Index::Ellipsis, values..))?;
                Ok([q, k, v])
            }
        }
    }
}

impl Temperature {
    /// The factors of queries `[batch, heads, length, width]` from `offset`, `[1 or batch, 1, length, 1]`.
    fn growth(self, offset: Offset<'_>, queries: &Array) -> MlxResult<Array> {
        let length = queries.dim(-2)?;
        // Padding stands before the first position.
        let positions = offset.positions(length)?.maximum(0)?;
        let turns = positions.floor_divide(self.length)?.astype(Dtype::Float32)?;
        let growth = (((turns + 1.0)?.log()? * self.beta)? + 1.0)?;
        growth.astype(queries.dtype())?.reshape([-1, 1, length, 1])
    }
}
