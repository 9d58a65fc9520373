//! Attention over short vectors of which keys and values are made.

use mlx_core::{Array, Dtype, Index, Result as MlxResult, fast, select};
use mlx_nn::{Linear, Matrix, Module, RmsNorm, Rope, Weights};
use serde::Deserialize;

use super::{Attend, Frame, heads};
use crate::Result;
use crate::cache::{LayerCache, Mask};
use crate::config::{Config, size};

/// The norms of short vectors have one epsilon, whatever the config says of the others.
const EPS: f32 = 1e-6;

/// How latent attention is built.
#[derive(Clone, Debug)]
pub(crate) struct MlaOptions {
    widths: Widths,
    bias: bool,
    rope: Rope,
    scale: f32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Widths {
    /// The vector of which keys and values are made.
    kv_lora_rank: i32,
    /// That of which queries are made, if they are.
    q_lora_rank: Option<i32>,
    /// The part of a head that carries positions, and the one that does not.
    qk_rope_head_dim: i32,
    qk_nope_head_dim: i32,
    v_head_dim: i32,
}

#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    attention_bias: bool,
}

/// Multi-head latent attention: it keeps one vector a token, as keys, and one key that carries the position and that
/// all heads share, as values.
///
/// DeepSeek-AI, "DeepSeek-V2: A Strong, Economical, and Efficient Mixture-of-Experts Language Model".
#[derive(Module)]
pub(crate) struct Mla {
    #[module(flatten)]
    queries: Queries,
    kv_a_proj_with_mqa: Linear,
    kv_a_layernorm: RmsNorm,
    /// `[heads, kv_lora_rank, qk_nope_head_dim]`.
    embed_q: Matrix,
    /// `[heads, v_head_dim, kv_lora_rank]`.
    unembed_out: Matrix,
    o_proj: Linear,
    rope: Rope,
    scale: f32,
    heads: i32,
    absorbed_below: i32,
    rank: i32,
    nope: i32,
}

#[derive(Module)]
enum Queries {
    Whole { q_proj: Linear },
    Short { q_a_proj: Linear, q_a_layernorm: RmsNorm, q_b_proj: Linear },
}

impl MlaOptions {
    /// What `config` says.
    pub(crate) fn read(config: &Config, frame: &Frame) -> Result<Self> {
        let widths: Widths = config.parse()?;
        let Stored { attention_bias: bias } = config.parse()?;
        for (field, width) in [
            ("kv_lora_rank", widths.kv_lora_rank),
            ("q_lora_rank", widths.q_lora_rank.unwrap_or(1)),
            ("qk_rope_head_dim", widths.qk_rope_head_dim),
            ("qk_nope_head_dim", widths.qk_nope_head_dim),
            ("v_head_dim", widths.v_head_dim),
        ] {
            size(field, width)?;
        }
        let growth = frame.attention_growth();
        let scale = (widths.query() as f32).powf(-0.5) * growth * growth;
        Ok(Self { widths, bias, rope: frame.rope(0, widths.qk_rope_head_dim)?, scale })
    }
}

impl Widths {
    fn query(&self) -> i32 {
        self.qk_nope_head_dim.saturating_add(self.qk_rope_head_dim)
    }

    /// Keys and values that are made of a vector.
    fn made(&self) -> i32 {
        self.qk_nope_head_dim.saturating_add(self.v_head_dim)
    }

    /// How many tokens are fewer than it takes to make keys and values of all vectors: below that, queries are
    /// compared with the vectors themselves.
    fn absorbed_below(&self) -> i32 {
        let (rank, made) = (i64::from(self.kv_lora_rank), i64::from(self.made()));
        let tokens = (rank * made).checked_div(2 * rank - made).filter(|&tokens| tokens > 0);
        // One token never pays for making them.
        tokens.and_then(|tokens| i32::try_from(tokens).ok()).unwrap_or(i32::MAX).max(2)
    }
}

impl Mla {
    /// The layer at the path of `w`, with `kv_b_proj` or with what it is made of.
    pub(crate) fn load(w: &Weights, frame: &Frame, options: &MlaOptions) -> Result<Self> {
        let MlaOptions { widths, bias, ref rope, scale } = *options;
        let (hidden, heads) = (frame.sizes.hidden, frame.sizes.heads);
        let (rank, nope) = (widths.kv_lora_rank, widths.qk_nope_head_dim);
        let compressed = rank.saturating_add(widths.qk_rope_head_dim);
        let (embed_q, unembed_out) = widths.load_heads(w, heads)?;
        Ok(Self {
            queries: Queries::load(w, hidden, heads.saturating_mul(widths.query()), options)?,
            kv_a_proj_with_mqa: w.linear_with_bias("kv_a_proj_with_mqa", [compressed, hidden], bias)?,
            kv_a_layernorm: w.rms_norm("kv_a_layernorm", rank, EPS)?,
            embed_q,
            unembed_out,
            o_proj: w.linear_with_bias("o_proj", [hidden, heads.saturating_mul(widths.v_head_dim)], bias)?,
            rope: rope.clone(),
            scale,
            heads,
            absorbed_below: widths.absorbed_below(),
            rank,
            nope,
        })
    }

    /// Queries `[batch, heads, length, nope]` over vectors `[batch, 1, tokens, rank]`, where `scores` `[batch, heads,
    /// length, tokens]` are those of positions.
    fn attend(&self, queries: &Array, latent: &Array, scores: &Array) -> MlxResult<Array> {
        let attend = |queries: &Array, keys: &Array, values: &Array| {
            let mask = fast::Mask::Array(scores);
            fast::scaled_dot_product_attention(queries, keys, values, self.scale, mask, None)
        };
        if queries.dim(-2)? < self.absorbed_below {
            let y = attend(&self.embed_q.project(queries)?, latent, latent)?;
            return self.unembed_out.project(&y);
        }
        attend(queries, &self.embed_q.project_back(latent)?, &self.unembed_out.project(latent)?)
    }
}

impl Attend for Mla {
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        let queries = heads::split(&self.queries.forward(x)?, self.heads)?;
        let (queries, turning) = split(&queries, self.nope)?;
        let (latent, key) = split(&self.kv_a_proj_with_mqa.forward(x)?.expand_dims(1)?, self.rank)?;
        let latent = self.kv_a_layernorm.forward(&latent)?;
        let turning = self.rope.forward(&turning, cache.offset())?;
        let key = self.rope.forward(&key, cache.offset())?;

        let (latent, keys, visible) = cache.append_masked(&latent, &key, mask)?;
        let mut scores = (turning * self.scale)?.matmul(keys.swapaxes(-1, -2)?)?;
        if let Some(visible) = visible {
            scores = seen(&scores, &visible)?;
        }
        let y = self.attend(&queries, &latent, &scores)?;
        self.o_proj.forward(&heads::join(&y)?)
    }
}

impl Queries {
    fn load(w: &Weights, hidden: i32, width: i32, options: &MlaOptions) -> Result<Self> {
        Ok(match options.widths.q_lora_rank {
            None => Self::Whole { q_proj: w.linear("q_proj", [width, hidden])? },
            Some(rank) => Self::Short {
                q_a_proj: w.linear_with_bias("q_a_proj", [rank, hidden], options.bias)?,
                q_a_layernorm: w.rms_norm("q_a_layernorm", rank, EPS)?,
                q_b_proj: w.linear("q_b_proj", [width, rank])?,
            },
        })
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        match self {
            Self::Whole { q_proj } => q_proj.forward(x),
            Self::Short { q_a_proj, q_a_layernorm, q_b_proj } => {
                q_b_proj.forward(&q_a_layernorm.forward(&q_a_proj.forward(x)?)?)
            }
        }
    }
}

impl Widths {
    /// What makes keys and values of a vector, for each head: `embed_q` and `unembed_out`.
    fn load_heads(&self, w: &Weights, heads: i32) -> Result<(Matrix, Matrix)> {
        let Self { kv_lora_rank: rank, qk_nope_head_dim: nope, v_head_dim: value, .. } = *self;
        if !w.contains("kv_b_proj.weight") {
            let embed_q = Matrix::load(&w.at("embed_q"), [heads, rank, nope])?;
            return Ok((embed_q, Matrix::load(&w.at("unembed_out"), [heads, value, rank])?));
        }
        let rows = heads.saturating_mul(self.made());
        let both = Matrix::load(&w.at("kv_b_proj"), [rows, rank])?.split(heads)?;
        // Groups along the rows of one are columns of the other, so it stays what it was only as floats.
        let embed_q = both.part(..nope)?.floats()?.swapaxes(-1, -2)?.contiguous(false)?;
        Ok((embed_q.into(), both.part(nope..)?))
    }
}

/// The last axis before `place`, and from there on.
fn split(x: &Array, place: i32) -> MlxResult<(Array, Array)> {
    Ok((x.index((Index::Ellipsis, ..place))?, x.index((Index::Ellipsis, place..))?))
}

/// Scores where they are `visible`, or plus an array of numbers.
fn seen(scores: &Array, visible: &Array) -> MlxResult<Array> {
    if visible.dtype() != Dtype::Bool {
        return scores + visible;
    }
    let lowest = scores.dtype().finfo().map_or(f64::from(f32::MIN), |info| info.min);
    select(visible, scores, lowest)
}
