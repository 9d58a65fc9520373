//! Attention among patches.

use mlx_core::fast::{Mask, scaled_dot_product_attention};
use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{Linear, Module, Result, Weights};

use crate::Rotation;

/// Patches that see each other.
#[derive(Module)]
#[module(no_tree)]
pub struct Attention {
    projections: Projections,
    output: Linear,
    heads: i32,
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

impl Attention {
    /// The layers at the path of `w`, for vectors `width` wide in so many heads.
    pub fn load(
        w: &Weights,
        names: AttentionNames<'_>,
        [width, heads]: [i32; 2],
        bias: bool,
    ) -> Result<Self> {
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
        Ok(Self { projections, output: square(output)?, heads })
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
        let [mut q, mut k, v] = self.projections.forward(x)?.map(|part| part.unflatten(-1, [self.heads, -1]));
        if let Some(rotation) = rotation {
            (q, k) = (q.and_then(|q| rotation.turn(&q)), k.and_then(|k| rotation.turn(&k)));
        }
        let seen = see([&q?, &k?, &v?], groups)?;
        self.output.forward_then(&seen.flatten(-2, -1)?, None, Some(plus))
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

/// What queries see of keys and values, each `[patches, heads, width]`, within groups.
fn see(qkv: [&Array; 3], groups: &[i32]) -> MlxResult<Array> {
    let [q, ..] = qkv;
    let first = groups.first().copied().unwrap_or_default();
    if groups.len() < 2 {
        return attend(qkv, 1);
    }
    if groups.iter().all(|&size| size == first) {
        return attend(qkv, i32::try_from(groups.len()).unwrap_or(i32::MAX));
    }
    let (mut seen, mut at) = (Vec::with_capacity(groups.len()), 0);
    for size in groups {
        let group = |part: &Array| part.index(at..at + size);
        let [q, k, v] = qkv;
        seen.push(attend([&group(q)?, &group(k)?, &group(v)?], 1)?);
        at += size;
    }
    let seen = concatenate(&seen, 0)?;
    if at == q.dim(0)? {
        Ok(seen)
    } else {
        Err(mlx_core::Error::custom("attention", "groups leave patches out"))
    }
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
