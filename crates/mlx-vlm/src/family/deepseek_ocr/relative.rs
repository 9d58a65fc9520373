//! Attention to which it matters how far apart patches are.

use mlx_core::fast::{Mask, scaled_dot_product_attention};
use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{Linear, Module, Weights};
use mlx_vision::Between;

use crate::Result;

/// Attention among all patches of an image, where queries know how many rows and columns keys are away.
///
/// Li et al., "MViTv2: Improved Multiscale Vision Transformers for Classification and Detection", section 4.1.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Attention {
    qkv: Linear,
    proj: Linear,
    /// Of distances in rows and in columns, from the longest back to the longest ahead: `[2 · side - 1, width of a head]`.
    rel_pos: [Array; 2],
    heads: i32,
}

/// How many scores are computed at once.
const SCORES: i64 = 1 << 26;

impl Attention {
    /// The layer at the path of `w`, where distances are learned for a square of so many patches in a row.
    pub(super) fn load(w: &Weights, [width, heads]: [i32; 2], side: i32) -> Result<Self> {
        let shape = [2 * side - 1, width / heads.max(1)];
        Ok(Self {
            qkv: w.linear_with_bias("qkv", [3 * width, width], true)?,
            proj: w.linear_with_bias("proj", [width, width], true)?,
            rel_pos: [w.array("rel_pos_h", shape)?, w.array("rel_pos_w", shape)?],
            heads,
        })
    }

    /// `[images, rows, columns, width]` to as much.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [images, rows, columns, width] = x.dims()?;
        let patches = rows * columns;
        let all = self.qkv.forward(x)?.reshape([images, patches, 3, self.heads, -1])?;
        let all = all.transpose([2, 0, 3, 1, 4])?;
        let [down, across] = &self.rel_pos;
        let distances = [distances(down, rows)?, distances(across, columns)?];
        let scores = i64::from(images) * i64::from(patches) * i64::from(patches);
        let some = i32::try_from(SCORES / scores.max(1)).unwrap_or(i32::MAX).clamp(1, self.heads.max(1));
        let mut seen = Vec::new();
        for from in (0..self.heads).step_by(some.unsigned_abs() as usize) {
            let part = |at: i32| all.index((at, .., from..self.heads.min(from.saturating_add(some))));
            let heads = attend([&part(0)?, &part(1)?, &part(2)?], &distances, [rows, columns])?;
            if some < self.heads {
                heads.eval()?;
            }
            seen.push(heads);
        }
        let seen = concatenate(&seen, 1)?.transpose([0, 2, 1, 3])?;
        self.proj.forward(&seen.reshape([images, rows, columns, width])?)
    }
}

/// What queries see of keys and values, each `[images, heads, rows · columns, width]`.
fn attend([q, k, v]: [&Array; 3], distances: &[Array; 2], [rows, columns]: [i32; 2]) -> MlxResult<Array> {
    let [images, heads, patches, width] = q.dims()?;
    let places = q.reshape([images, heads, rows, columns, width])?;
    let [down, across] = distances;
    let down = places.matmul(down)?.expand_dims(-1)?;
    let across = places.swapaxes(2, 3)?.matmul(across)?.swapaxes(2, 3)?.expand_dims(-2)?;
    let bias = (down + across)?.reshape([images, heads, patches, patches])?;
    let scale = f64::from(width).recip().sqrt() as f32;
    scaled_dot_product_attention(q, k, v, scale, Mask::Array(&bias), None)
}

/// The vectors of distances from each place in a line of so many to each, `[length, width, length]`: from keys to queries.
fn distances(learned: &Array, length: i32) -> MlxResult<Array> {
    let count = 2 * length - 1;
    let learned =
        if learned.dim(0)? == count { learned.clone() } else { Between::Linear.line(learned, count)? };
    let ahead: Vec<i32> =
        (0..length).flat_map(|to| (0..length).map(move |from| to - from + length - 1)).collect();
    learned.take(&Array::from_vec(ahead, [length, length])?, 0)?.swapaxes(-1, -2)
}
