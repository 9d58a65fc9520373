//! Attention over cached rows.

use mlx_core::{Array, QuantizedFactor, Result, concatenate, fast, select};

use super::mask::Visible;
use super::rows::{Rows, Side};

/// How queries are compared with keys. A number alone is the scale.
#[derive(Clone, Copy, Debug)]
pub struct Scoring<'a> {
    /// Scores are multiplied by this.
    pub scale: f32,
    /// Scores are bent to stay below this.
    pub softcap: Option<f32>,
    /// Scores `[heads]` that take part in the softmax and have no value.
    pub sinks: Option<&'a Array>,
}

impl From<f32> for Scoring<'_> {
    fn from(scale: f32) -> Self {
        Self { scale, softcap: None, sinks: None }
    }
}

impl Scoring<'_> {
    /// Queries `[batch, heads, length, width]` over rows of `[batch, kv_heads, keys, width]`.
    pub(super) fn attend(self, queries: &Array, rows: &Rows, visible: &Visible) -> Result<Array> {
        match (rows.keys()?, rows.values()?) {
            (Side::Plain(keys), Side::Plain(values)) if self.softcap.is_none() => {
                let mask = match visible {
                    Visible::All => fast::Mask::None,
                    Visible::Causal => fast::Mask::Causal,
                    Visible::These(array) => fast::Mask::Array(array),
                };
                fast::scaled_dot_product_attention(queries, &keys, &values, self.scale, mask, self.sinks)
            }
            (keys, values) => self.step_by_step(queries, keys, values, visible),
        }
    }

    /// The same with the scores as an array, for which keys and values may be quantized.
    fn step_by_step(self, queries: &Array, keys: Side, values: Side, visible: &Visible) -> Result<Array> {
        let [batch, heads, length, width] = queries.dims()?;
        let groups = keys.heads()?.max(1);
        let queries = (queries * self.scale)?.reshape([batch, groups, heads / groups, length, width])?;
        let mut scores = keys.grouped()?.times(&queries, true)?;
        if let Some(cap) = self.softcap {
            scores = ((scores / cap)?.tanh()? * cap)?;
        }
        let scores = masked(&scores, visible)?;
        let weights = match self.sinks {
            None => scores.softmax(-1)?,
            Some(sinks) => with_sinks(&scores, sinks)?,
        };
        values.grouped()?.times(&weights, false)?.reshape([batch, heads, length, -1])
    }
}

/// Scores `[batch, kv_heads, group, queries, keys]` where they are visible.
fn masked(scores: &Array, visible: &Visible) -> Result<Array> {
    let mask = match visible {
        Visible::All => return Ok(scores.clone()),
        Visible::Causal => {
            let (queries, keys) = (scores.dim(-2)?, scores.dim(-1)?);
            Array::arange(keys - queries..keys)?.expand_dims(1)?.greater_equal(Array::arange(0..keys)?)?
        }
        Visible::These(mask) => mask.clone(),
    };
    let mask = match *mask.shape() {
        [_, 1, _, _] => mask.expand_dims(2)?,
        [batch, _, queries, keys] => {
            let [_, groups, each, ..] = scores.dims::<5>()?;
            mask.reshape([batch, groups, each, queries, keys])?
        }
        _ => mask,
    };
    if mask.dtype() != mlx_core::Dtype::Bool {
        return scores + mask;
    }
    let lowest = scores.dtype().finfo().map_or(f64::from(f32::MIN), |info| info.min);
    select(&mask, scores, lowest)
}

/// The softmax with one more score for each head, whose share is then left out.
fn with_sinks(scores: &Array, sinks: &Array) -> Result<Array> {
    let [batch, groups, each, length, keys] = scores.dims()?;
    let sinks = sinks.reshape([1, groups, each, 1, 1])?.astype(scores.dtype())?;
    let sinks = (sinks + Array::zeros([batch, groups, each, length, 1], scores.dtype())?)?;
    concatenate([scores, &sinks], -1)?.softmax(-1)?.index((mlx_core::Index::Ellipsis, ..keys))
}

impl Side {
    fn heads(&self) -> Result<i32> {
        match self {
            Self::Plain(plain) => plain.dim(1),
            Self::Quantized(quantized) => quantized.weight.dim(1),
        }
    }

    /// With an axis for the heads that share them.
    fn grouped(self) -> Result<Self> {
        Ok(match self {
            Self::Plain(plain) => Self::Plain(plain.expand_dims(2)?),
            Self::Quantized(mut quantized) => {
                quantized.weight = quantized.weight.expand_dims(2)?;
                quantized.scales = quantized.scales.expand_dims(2)?;
                quantized.biases = quantized.biases.map(|biases| biases.expand_dims(2)).transpose()?;
                Self::Quantized(quantized)
            }
        })
    }

    fn times(&self, left: &Array, transpose: bool) -> Result<Array> {
        match self {
            Self::Plain(plain) if transpose => left.matmul(&plain.swapaxes(-1, -2)?),
            Self::Plain(plain) => left.matmul(plain),
            Self::Quantized(weight) => left.quantized_matmul(QuantizedFactor { weight, transpose }),
        }
    }
}
