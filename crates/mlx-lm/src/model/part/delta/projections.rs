//! What a gated delta layer makes of its input.

use mlx_core::{Array, Index, Result as MlxResult, concatenate};
use mlx_nn::{Linear, Module, Weights};

use super::DeltaSizes;
use crate::Result;

/// The linear layers at the input, which families cut in different ways.
#[derive(Module)]
#[expect(clippy::large_enum_variant, reason = "one for each layer, made once")]
pub(super) enum Projections {
    Apart {
        in_proj_qkv: Linear,
        in_proj_z: Linear,
        in_proj_b: Linear,
        in_proj_a: Linear,
    },
    /// The parts of each head of keys are side by side.
    ByHead {
        in_proj_qkvz: Linear,
        in_proj_ba: Linear,
    },
}

/// What they give, `[batch, length, …]`.
pub(super) struct Projected {
    /// Queries, keys and values, heads side by side.
    pub(super) mixed: Array,
    /// The gates of the output, as values.
    pub(super) gate: Array,
    /// For each head of values, what tells how much it learns.
    pub(super) rate: Array,
    /// For each head of values, what tells how fast it forgets.
    pub(super) decay: Array,
}

impl Projections {
    pub(super) fn load(w: &Weights, hidden: i32, sizes: &DeltaSizes, by_head: bool) -> Result<Self> {
        let linear = |name, width| w.linear(name, [width, hidden]);
        let (mixed, values, heads) = (sizes.mixed(), sizes.values(), sizes.value_heads);
        Ok(if by_head {
            Self::ByHead {
                in_proj_qkvz: linear("in_proj_qkvz", mixed + values)?,
                in_proj_ba: linear("in_proj_ba", 2 * heads)?,
            }
        } else {
            Self::Apart {
                in_proj_qkv: linear("in_proj_qkv", mixed)?,
                in_proj_z: linear("in_proj_z", values)?,
                in_proj_b: linear("in_proj_b", heads)?,
                in_proj_a: linear("in_proj_a", heads)?,
            }
        })
    }

    pub(super) fn forward(&self, x: &Array, sizes: &DeltaSizes) -> MlxResult<Projected> {
        match self {
            Self::Apart { in_proj_qkv, in_proj_z, in_proj_b, in_proj_a } => Ok(Projected {
                mixed: in_proj_qkv.forward(x)?,
                gate: in_proj_z.forward(x)?,
                rate: in_proj_b.forward(x)?,
                decay: in_proj_a.forward(x)?,
            }),
            Self::ByHead { in_proj_qkvz, in_proj_ba } => {
                let by_head = |x: Array| x.unflatten(-1, [sizes.key_heads, -1]);
                let (all, both) = (by_head(in_proj_qkvz.forward(x)?)?, by_head(in_proj_ba.forward(x)?)?);
                let part = |x: &Array, from: i32, width: i32| {
                    x.index((Index::Ellipsis, from..from + width))?.flatten(-2, -1)
                };
                let (keys, values) = (sizes.key_dim, sizes.group() * sizes.value_dim);
                let mixed = [part(&all, 0, keys)?, part(&all, keys, keys)?, part(&all, 2 * keys, values)?];
                Ok(Projected {
                    mixed: concatenate(&mixed, -1)?,
                    gate: part(&all, 2 * keys + values, values)?,
                    rate: part(&both, 0, sizes.group())?,
                    decay: part(&both, sizes.group(), sizes.group())?,
                })
            }
        }
    }
}
