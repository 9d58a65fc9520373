//! What asks patches of any number for as many vectors as there are queries.
//!
//! Bai et al., "Qwen-VL" (the resampler); Yao et al., "MiniCPM-V". Positions are those of He et al., "Masked Autoencoders Are
//! Scalable Vision Learners": waves along the columns, then along the rows.

use mlx_core::fast::{Mask, scaled_dot_product_attention};
use mlx_core::{Array, Dtype, Result as MlxResult};
use mlx_nn::{LayerNorm, LayerNormOptions, Linear, Module, Weights};

use crate::Result;

/// Queries, and the layers by which they see patches.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Resampler {
    query: Array,
    kv_proj: Option<Linear>,
    ln_q: LayerNorm,
    ln_kv: LayerNorm,
    ln_post: LayerNorm,
    projections: [Linear; 3],
    output: Linear,
    proj: Array,
    heads: i32,
}

/// What a resampler is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// How many vectors it gives.
    pub(super) queries: i32,
    /// How wide those are, and patches.
    pub(super) widths: [i32; 2],
}

/// How wide a head is.
const HEAD: i32 = 128;

/// By what waves differ.
const BASE: f32 = 10_000.0;

impl Resampler {
    /// The layers at the path of `w`.
    pub(super) fn load(w: &Weights, sizes: Sizes) -> Result<Self> {
        let Sizes { queries, widths: [hidden, width] } = sizes;
        w.ignore(|key| key.ends_with("resampler.pos_embed"));
        let options = LayerNormOptions { eps: 1e-6, ..LayerNormOptions::default() };
        let norm = |name: &str| LayerNorm::load(&w.at(name), hidden, options);
        let zeros = |shape: &[i32], _: &_| Array::zeros(shape, Dtype::Float32);
        let attention = w.at("attn");
        Ok(Self {
            query: w.parameter("query", [queries, hidden], zeros)?,
            kv_proj: (width != hidden)
                .then(|| w.linear_with_bias("kv_proj", [hidden, width], false))
                .transpose()?,
            ln_q: norm("ln_q")?,
            ln_kv: norm("ln_kv")?,
            ln_post: norm("ln_post")?,
            projections: projections(&attention, hidden)?,
            output: attention.linear_with_bias("out_proj", [hidden, hidden], true)?,
            proj: w.parameter("proj", [hidden, hidden], zeros)?,
            heads: (hidden / HEAD).max(1),
        })
    }

    /// `[slices, rows, columns, width] -> [slices · queries, hidden]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [slices, rows, columns, _] = x.dims()?;
        let x = x.flatten(1, 2)?;
        let x = match &self.kv_proj {
            Some(layer) => layer.forward(&x)?,
            None => x,
        };
        let values = self.ln_kv.forward(&x)?;
        let [.., hidden] = values.dims::<3>()?;
        let keys = (&values + places([rows, columns], hidden)?.astype(values.dtype())?)?;
        let query = self.ln_q.forward(&self.query)?.expand_dims(0)?;
        let split = |layer: &Linear, x: &Array| {
            let [texts, length, _] = x.dims()?;
            layer
                .forward(x)?
                .reshape([texts, length, self.heads, hidden / self.heads])?
                .transpose([0, 2, 1, 3])
        };
        let [query_layer, key_layer, value_layer] = &self.projections;
        let (q, k, v) = (split(query_layer, &query)?, split(key_layer, &keys)?, split(value_layer, &values)?);
        let [_, heads, queries, head] = q.dims()?;
        let q = q.broadcast_to([slices, heads, queries, head])?;
        let scale = f64::from(head).recip().sqrt() as f32;
        let seen = scaled_dot_product_attention(&q, &k, &v, scale, Mask::None, None)?;
        let seen = self.output.forward(&seen.transpose([0, 2, 1, 3])?.reshape([-1, hidden])?)?;
        self.ln_post.forward(&seen)?.matmul(&self.proj)
    }
}

/// Queries, keys and values, which PyTorch stores as one layer.
fn projections(w: &Weights, hidden: i32) -> Result<[Linear; 3]> {
    if !w.contains("in_proj_weight") {
        let layer = |name| w.linear_with_bias(name, [hidden, hidden], true);
        return Ok([layer("q_proj")?, layer("k_proj")?, layer("v_proj")?]);
    }
    let zeros = |shape: &[i32], _: &_| Array::zeros(shape, Dtype::Float32);
    let weight = w.parameter("in_proj_weight", [3 * hidden, hidden], zeros)?;
    let bias = w.parameter("in_proj_bias", [3 * hidden], zeros)?;
    let part = |at: i32| -> Result<Linear> {
        let range = at * hidden..(at + 1) * hidden;
        Ok(Linear::new(weight.index(range.clone())?, Some(bias.index(range)?)))
    };
    Ok([part(0)?, part(1)?, part(2)?])
}

/// The positions of so many rows and columns, `[rows · columns, hidden]`.
fn places([rows, columns]: [i32; 2], hidden: i32) -> MlxResult<Array> {
    let quarter = hidden / 4;
    let wave = |at: i32| 1.0 / BASE.powf(at as f32 / quarter as f32);
    let line = |place: i32| {
        let angles = (0..quarter).map(move |at| place as f32 * wave(at));
        angles.clone().map(f32::sin).chain(angles.map(f32::cos))
    };
    let all: Vec<f32> = (0..rows)
        .flat_map(|row| (0..columns).flat_map(move |column| line(column).chain(line(row))))
        .collect();
    Array::from_vec(all, [rows * columns, hidden])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_waves_along_columns_and_then_along_rows() {
        let found = places([2, 2], 8).unwrap().to_vec::<f32>().unwrap();
        let still = [0.0, 0.0, 1.0, 1.0];
        let next = [1.0_f32.sin(), 0.01_f32.sin(), 1.0_f32.cos(), 0.01_f32.cos()];
        assert_eq!(found[..8], [still, still].concat());
        assert_eq!(found[8..16], [next, still].concat());
        assert_eq!(found[16..24], [still, next].concat());
    }
}
