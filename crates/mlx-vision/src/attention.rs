//! Attention among patches.

use mlx_core::fast::{Mask, scaled_dot_product_attention};
use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{Linear, Module, Result, RmsNorm, Weights};

use crate::Rotation;

/// Patches that see each other.
#[derive(Module)]
#[module(no_tree)]
pub struct Attention {
    projections: Projections,
    output: Linear,
    norms: Option<Norms>,
    heads: i32,
}

/// What queries and keys are normalised by.
#[derive(Module)]
#[module(no_tree)]
struct Norms {
    query: RmsNorm,
    key: RmsNorm,
    each: bool,
}

/// How `q_norm` and `k_norm` normalise queries and keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionNorms {
    /// What is added to the mean square.
    pub eps: f32,
    /// Each head is normalised by itself; otherwise all of them together.
    pub each: bool,
}

#[derive(Module)]
#[module(no_tree)]
#[expect(clippy::large_enum_variant, reason = "most towers have the larger")]
enum Projections {
    Fused { qkv: Linear },
    Apart { query: Linear, key: Linear, value: Linear },
}

/// What a checkpoint calls the layers.
#[derive(Clone, Copy, Debug)]
pub enum AttentionNames<'n> {
    /// Queries, keys and values one behind the other, and the output.
    Fused([&'n str; 2]),
    /// Queries, keys, values and the output.
    Apart([&'n str; 4]),
}

/// How towers differ in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttentionOptions {
    /// Queries, keys and values have biases.
    pub bias: bool,
    /// The output has one.
    pub output_bias: bool,
    /// How queries and keys are normalised, if they are.
    pub norms: Option<AttentionNorms>,
}

impl Attention {
    /// The layers at the path of `w`, for vectors `width` wide in so many heads. All of them have biases, or none.
    pub fn load(w: &Weights, names: AttentionNames<'_>, sizes: [i32; 2], bias: bool) -> Result<Self> {
        Self::load_with(w, names, sizes, AttentionOptions { bias, output_bias: bias, norms: None })
    }

    /// The layers at the path of `w`, for vectors `width` wide in so many heads.
    pub fn load_with(
        w: &Weights,
        names: AttentionNames<'_>,
        [width, heads]: [i32; 2],
        options: AttentionOptions,
    ) -> Result<Self> {
        let AttentionOptions { bias, output_bias, norms } = options;
        let square = |name| w.linear_with_bias(name, [width, width], bias);
        let (projections, output) = match names {
            AttentionNames::Fused([qkv, output]) => {
                (Projections::Fused { qkv: w.linear_with_bias(qkv, [3 * width, width], bias)? }, output)
            }
            AttentionNames::Apart([query, key, value, output]) => {
                let (query, key, value) = (square(query)?, square(key)?, square(value)?);
                (Projections::Apart { query, key, value }, output)
            }
        };
        let output = w.linear_with_bias(output, [width, width], output_bias)?;
        let norms = norms.map(|norms| Norms::load(w, norms, [width, heads])).transpose()?;
        Ok(Self { projections, output, norms, heads })
    }

    /// `[patches, width] -> [patches, width]`, and `plus`. Patches see those of their own group, of which `groups` are the
    /// sizes in order; one group if there are none.
    pub fn forward(
        &self,
        x: &Array,
        rotation: Option<&Rotation>,
        groups: &[i32],
        plus: &Array,
    ) -> MlxResult<Array> {
        let [q, k, v] = self.projections.forward(x)?;
        let split = |part: Array| part.unflatten(-1, [self.heads, -1]);
        let ([mut q, mut k], v) = match &self.norms {
            None => ([split(q)?, split(k)?], split(v)?),
            Some(norms) => (norms.forward([q, k], split)?, split(v)?),
        };
        if let Some(rotation) = rotation {
            (q, k) = (rotation.turn(&q)?, rotation.turn(&k)?);
        }
        let seen = see([&q, &k, &v], groups)?;
        self.output.forward_then(&seen.flatten(-2, -1)?, None, Some(plus))
    }
}

impl Norms {
    fn load(w: &Weights, norms: AttentionNorms, [width, heads]: [i32; 2]) -> Result<Self> {
        let AttentionNorms { eps, each } = norms;
        let norm = |name| w.rms_norm(name, if each { width / heads.max(1) } else { width }, eps);
        Ok(Self { query: norm("q_norm")?, key: norm("k_norm")?, each })
    }

    /// Queries and keys, normalised, and in heads as `split` makes them.
    fn forward(
        &self,
        [q, k]: [Array; 2],
        split: impl Fn(Array) -> MlxResult<Array>,
    ) -> MlxResult<[Array; 2]> {
        if self.each {
            return Ok([self.query.forward(&split(q)?)?, self.key.forward(&split(k)?)?]);
        }
        Ok([split(self.query.forward(&q)?)?, split(self.key.forward(&k)?)?])
    }
}

impl Projections {
    fn forward(&self, x: &Array) -> MlxResult<[Array; 3]> {
        match self {
            Self::Apart { query, key, value } => Linear::forward_each([query, key, value], x),
            Self::Fused { qkv } => {
                let all = qkv.forward(x)?;
                let width = all.dim(-1)? / 3;
                let part = |at: i32| all.index((.., at * width..(at + 1) * width));
                Ok([part(0)?, part(1)?, part(2)?])
            }
        }
    }
}

/// What queries see of keys and values, each `[patches, heads, width]`, within groups. Those of one size that follow each
/// other are one op.
fn see(qkv: [&Array; 3], groups: &[i32]) -> MlxResult<Array> {
    let [q, ..] = qkv;
    let runs: Vec<_> = groups.chunk_by(|one, next| one == next).collect();
    let patches: i64 = groups.iter().map(|&size| i64::from(size)).sum();
    if !groups.is_empty() && patches != i64::from(q.dim(0)?) {
        return Err(mlx_core::Error::custom("attention", "groups are not of all patches"));
    }
    if runs.len() < 2 {
        return attend(qkv, i32::try_from(groups.len().max(1)).unwrap_or(i32::MAX));
    }
    let (mut seen, mut at) = (Vec::with_capacity(runs.len()), 0);
    for run in runs {
        let end = at + run.iter().sum::<i32>();
        let part = |part: &Array| part.index(at..end);
        let [q, k, v] = qkv.map(part);
        seen.push(attend([&q?, &k?, &v?], i32::try_from(run.len()).unwrap_or(i32::MAX))?);
        at = end;
    }
    concatenate(&seen, 0)
}

/// Attention within so many groups of one size.
fn attend(qkv: [&Array; 3], groups: i32) -> MlxResult<Array> {
    let [patches, heads, width] = qkv[0].dims()?;
    let scale = f64::from(width).recip().sqrt() as f32;
    let split = |x: &Array| x.reshape([groups, patches / groups, heads, width])?.transpose([0, 2, 1, 3]);
    let [q, k, v] = qkv.map(split);
    let seen = scaled_dot_product_attention(&q?, &k?, &v?, scale, Mask::None, None)?;
    seen.transpose([0, 2, 1, 3])?.reshape([patches, heads, width])
}
