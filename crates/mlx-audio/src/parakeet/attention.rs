//! Attention that knows how far apart two frames are.

use mlx_core::fast::{Mask, scaled_dot_product_attention};
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Linear, Module, Weights};

use super::config::EncoderPlan;
use crate::Result;
use crate::checkpoint::floats;

/// Attention of several heads, with terms of the distance.
///
/// Dai et al., "Transformer-XL", with biases of each layer's own.
#[derive(Module)]
pub(super) struct Attention {
    qkv: [Linear; 3],
    out: Linear,
    distances: Linear,
    /// What is added to queries that meet keys, `[heads, 1, width]`.
    to_keys: Array,
    /// What is added to queries that meet distances.
    to_distances: Array,
    heads: i32,
}

impl Attention {
    pub(super) fn load(w: &Weights, plan: &EncoderPlan) -> Result<Self> {
        let &EncoderPlan { width, heads, bias, .. } = plan;
        let linear = |name: &str| w.linear_with_bias(name, [width, width], bias);
        let biases =
            |name: &str| Ok::<_, crate::Error>(floats(w, name, [heads, width / heads])?.expand_dims(1)?);
        Ok(Self {
            qkv: [linear("linear_q")?, linear("linear_k")?, linear("linear_v")?],
            out: linear("linear_out")?,
            distances: w.linear("linear_pos", [width, width])?,
            to_keys: biases("pos_bias_u")?,
            to_distances: biases("pos_bias_v")?,
            heads,
        })
    }

    /// `plus` and what the frames of `x` `[frames, width]` see in each other; `places` are those of [`places`].
    pub(super) fn forward(&self, x: &Array, places: &Array, plus: &Array) -> MlxResult<Array> {
        let [length, width] = x.dims()?;
        let apart = |x: Array| {
            let [length, width] = x.dims()?;
            x.reshape([1, length, self.heads, width / self.heads])?.swapaxes(1, 2)
        };
        let [q, k, v] = &self.qkv;
        let [q, k, v] = Linear::forward_each([q, k, v], x)?;
        let (q, k, v) = (apart(q)?, apart(k)?, apart(v)?);
        let distances = apart(self.distances.forward(places)?)?;
        let scale = f64::from(width / self.heads).sqrt().recip() as f32;
        let scores = (&q + &self.to_distances)?.matmul(distances.swapaxes(2, 3)?)?;
        let scores = (self.shifted(&scores, length)? * scale)?;
        let q = (q + &self.to_keys)?;
        let seen = scaled_dot_product_attention(&q, &k, &v, scale, Mask::Array(&scores), None)?;
        self.out.forward_then(&seen.swapaxes(1, 2)?.reshape([length, width])?, None, Some(plus))
    }

    /// From scores of distances, the largest first, to those of keys: each query begins one further than the next.
    fn shifted(&self, scores: &Array, length: i32) -> MlxResult<Array> {
        let (row, frames) = (i64::from(2 * length - 1), i64::from(length));
        let steps = [i64::from(self.heads) * row * frames, row * frames, row - 1, 1];
        let first = (length - 1).unsigned_abs() as usize;
        scores.as_strided([1, self.heads, length, length], &steps, first)
    }
}

/// Sines and cosines, side by side, of the distances from `length - 1` down to as much below zero:
/// `[2 · length - 1, width]`.
pub(super) fn places(length: i32, width: i32) -> MlxResult<Array> {
    let step = -10_000_f64.ln() / f64::from(width);
    let row = |distance: i32| {
        (0..width).map(move |at| {
            let angle = f64::from(distance) * (f64::from(at - at % 2) * step).exp();
            (if at % 2 == 0 { angle.sin() } else { angle.cos() }) as f32
        })
    };
    let values = (1 - length..length).rev().flat_map(row).collect();
    Array::from_vec(values, [2 * length - 1, width])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_go_from_the_largest_to_the_smallest() {
        let found = places(2, 4).unwrap().to_vec::<f32>().unwrap();
        let (sine, cosine) = (1.0_f32.sin(), 1.0_f32.cos());
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close(&found[..4], &[sine, cosine, 0.01_f32.sin(), 0.01_f32.cos()]), "{found:?}");
        assert!(close(&found[4..8], &[0.0, 1.0, 0.0, 1.0]), "{found:?}");
        assert!(close(&found[8..], &[-sine, cosine, -0.01_f32.sin(), 0.01_f32.cos()]), "{found:?}");
    }
}
