//! Attention with a memory: a convolution of the values, whose channels are apart.

use mlx_core::fast::{Mask, scaled_dot_product_attention};
use mlx_core::{Array, Conv, Device, Result as MlxResult};
use mlx_nn::{Conv1d, LayerNorm, LayerNormOptions, Linear, Module, Weights, relu};

use super::config::{self, Config};
use crate::Result;
use crate::checkpoint::floats;

/// From features to states.
///
/// Gao et al., "SAN-M: Memory Equipped Self-Attention for End-to-End Speech Recognition".
#[derive(Module)]
pub(super) struct Encoder {
    layers: Vec<Layer>,
    norm: LayerNorm,
    /// Those behind the norm.
    later: Vec<Layer>,
    last_norm: LayerNorm,
    scale: f32,
}

#[derive(Module)]
struct Layer {
    attention_norm: LayerNorm,
    qkv: Linear,
    out: Linear,
    memory: Conv1d,
    norm: LayerNorm,
    up: Linear,
    down: Linear,
    heads: i32,
    /// Whether what goes in is as wide as what comes out, and is added to it.
    adds: bool,
    /// Zeros before and behind the values of the memory.
    around: [i32; 2],
}

impl Encoder {
    pub(super) fn load(w: &Weights, config: &Config) -> Result<Self> {
        let encoder = &config.encoder_conf;
        let width = encoder.output_size;
        let each = |name: &str, count| w.each(name, count).map(|w| Layer::load(&w, encoder, width));
        let first = Layer::load(&w.at("encoders0.0"), encoder, config.input_size);
        let others = each("encoders", encoder.num_blocks.saturating_sub(1));
        Ok(Self {
            layers: std::iter::once(first).chain(others).collect::<Result<_>>()?,
            norm: norm(w, "after_norm", width)?,
            later: each("tp_encoders", encoder.tp_blocks).collect::<Result<_>>()?,
            last_norm: norm(w, "tp_norm", width)?,
            scale: f64::from(width).sqrt() as f32,
        })
    }

    /// `[length, features] -> [length, width]`.
    pub(super) fn forward(&self, features: &Array) -> MlxResult<Array> {
        let [length, width] = features.dims()?;
        let mut x = ((features * self.scale)? + places(length, width)?.astype(features.dtype())?)?;
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        x = self.norm.forward(&x)?;
        for layer in &self.later {
            x = layer.forward(&x)?;
        }
        self.last_norm.forward(&x)
    }
}

impl Layer {
    fn load(w: &Weights, encoder: &config::Encoder, inputs: i32) -> Result<Self> {
        let &config::Encoder { output_size: width, linear_units: inner, kernel_size: kernel, .. } = encoder;
        let (attention, feed_forward) = (w.at("self_attn"), w.at("feed_forward"));
        let memory = attention.at("fsmn_block");
        // PyTorch has `[width, 1, kernel]`, MLX `[width, kernel, 1]`.
        let shape = match memory.shape("weight") {
            Some(&[_, _, 1]) if kernel != 1 => [width, kernel, 1],
            _ => [width, 1, kernel],
        };
        let weight = floats(&memory, "weight", shape)?.reshape([width, kernel, 1])?;
        let before = (kernel - 1) / 2 + encoder.sanm_shift;
        Ok(Self {
            attention_norm: norm(w, "norm1", inputs)?,
            qkv: attention.linear_with_bias("linear_q_k_v", [3 * width, inputs], true)?,
            out: attention.linear_with_bias("linear_out", [width, width], true)?,
            memory: Conv1d::new(weight, None, Conv { groups: width, ..Conv::default() }),
            norm: norm(w, "norm2", width)?,
            up: feed_forward.linear_with_bias("w_1", [inner, width], true)?,
            down: feed_forward.linear_with_bias("w_2", [width, inner], true)?,
            heads: encoder.attention_heads,
            adds: inputs == width,
            around: [before, kernel - 1 - before],
        })
    }

    /// `[length, inputs] -> [length, width]`.
    fn forward(&self, x: &Array) -> MlxResult<Array> {
        if Device::current().is_cpu() {
            x.eval()?;
        }
        let seen = self.attend(&self.attention_norm.forward(x)?)?;
        let x = if self.adds { (x + seen)? } else { seen };
        let inner = relu(&self.up.forward(&self.norm.forward(&x)?)?)?;
        self.down.forward_then(&inner, None, Some(&x))
    }

    /// What places see in each other, and the memory of the values near them.
    fn attend(&self, x: &Array) -> MlxResult<Array> {
        let parts = self.qkv.forward(x)?.split(3, -1)?;
        let [q, k, v] = parts.as_slice() else { return Ok(x.clone()) };
        let [length, width] = v.dims()?;
        let [before, behind] = self.around;
        let near = v.pad([(0, before, behind)], 0)?.expand_dims(0)?;
        let memory = (self.memory.forward(&near)?.index(0)? + v)?;
        let apart = |x: &Array| x.reshape([1, length, self.heads, width / self.heads])?.swapaxes(1, 2);
        let scale = f64::from(width / self.heads).sqrt().recip() as f32;
        let seen = scaled_dot_product_attention(&apart(q)?, &apart(k)?, &apart(v)?, scale, Mask::None, None)?;
        self.out.forward_then(&seen.swapaxes(1, 2)?.reshape([length, width])?, None, Some(&memory))
    }
}

fn norm(w: &Weights, name: &str, width: i32) -> Result<LayerNorm> {
    Ok(LayerNorm::load(&w.at(name), width, LayerNormOptions::default())?)
}

/// Sines, then cosines, of places from 1 on: `[length, width]`.
fn places(length: i32, width: i32) -> MlxResult<Array> {
    let half = width / 2;
    let step = -10_000_f64.ln() / f64::from((half - 1).max(1));
    let angle = |place: i32, wave: i32| f64::from(place) * (f64::from(wave) * step).exp();
    let row = |place: i32| {
        let sines = (0..half).map(move |wave| angle(place, wave).sin() as f32);
        sines.chain((0..half).map(move |wave| angle(place, wave).cos() as f32))
    };
    Array::from_vec((1..=length).flat_map(row).collect(), [length, 2 * half])
}
