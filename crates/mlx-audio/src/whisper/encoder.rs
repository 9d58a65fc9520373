//! From a spectrogram to what the decoder hears.

use mlx_core::fast::{Activation, Mask};
use mlx_core::random::Key;
use mlx_core::{Array, Device, Dtype, Result as MlxResult, Slice, concatenate};
use mlx_nn::{LayerNorm, LayerNormOptions, Linear, Module, Weights};

use super::attention::Attention;
use super::checkpoint::KERNEL;
use super::sizes::Sizes;
use crate::Result;

/// Two convolutions and layers that see a whole window.
#[derive(Module)]
pub(super) struct Encoder {
    conv1: Convolution,
    conv2: Convolution,
    positions: Array,
    layers: Vec<Layer>,
    layer_norm: LayerNorm,
}

/// A convolution and what follows, as one product with the neighbours of each place side by side: MLX multiplies those of
/// a convolution on one core.
#[derive(Module)]
struct Convolution {
    #[module(flatten)]
    linear: Linear,
    stride: i32,
}

#[derive(Module)]
struct Layer {
    self_attn: Attention,
    self_attn_layer_norm: LayerNorm,
    #[module(flatten)]
    feed_forward: FeedForward,
}

/// Two linear layers behind a norm, as in both halves of the model.
#[derive(Module)]
pub(super) struct FeedForward {
    final_layer_norm: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

impl Encoder {
    pub(super) fn load(w: &Weights, sizes: &Sizes) -> Result<Self> {
        let width = sizes.width;
        let conv = |name: &str, inputs, stride| Convolution::load(&w.at(name), [width, inputs], stride);
        let stored = "embed_positions.weight";
        let positions = if w.contains(stored) {
            w.parameter(stored, [sizes.audio_context, width], zeros)?
        } else {
            sinusoids(sizes.audio_context, width)?
        };
        let [heads, _] = sizes.heads;
        let [layers, _] = sizes.layers;
        Ok(Self {
            conv1: conv("conv1", sizes.mels, 1)?,
            conv2: conv("conv2", width, 2)?,
            positions,
            layers: w.each("layers", layers).map(|w| Layer::load(&w, width, heads)).collect::<Result<_>>()?,
            layer_norm: norm(w, "layer_norm", width)?,
        })
    }

    /// `[batch, frames, mels] -> [batch, frames / 2, width]`.
    pub(super) fn forward(&self, mels: &Array) -> MlxResult<Array> {
        let waits = Device::current().is_cpu();
        let x = self.conv1.forward(&mels.astype(self.positions.dtype())?)?;
        let x = self.conv2.forward(&x)?;
        let mut x = (x + &self.positions)?;
        for layer in &self.layers {
            if waits {
                x.eval()?;
            }
            x = layer.forward(&x)?;
        }
        self.layer_norm.forward(&x)
    }
}

impl Convolution {
    fn load(w: &Weights, [outputs, inputs]: [i32; 2], stride: i32) -> Result<Self> {
        let weight = w.parameter("weight", [outputs, KERNEL, inputs], zeros)?;
        let weight = weight.reshape([outputs, KERNEL * inputs])?;
        Ok(Self { linear: Linear::new(weight, Some(w.parameter("bias", [outputs], zeros)?)), stride })
    }

    /// `[batch, length, inputs] -> [batch, length / stride, outputs]`, with zeros around the sound.
    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let length = x.dim(1)?;
        let x = x.pad([(1, 1, 1)], 0)?;
        let shifted = |at: i32| x.index((.., Slice::step_by(at..at + length, self.stride)));
        let neighbours = concatenate(&[shifted(0)?, shifted(1)?, shifted(2)?], -1)?;
        self.linear.forward_then(&neighbours, Some(Activation::Gelu), None)
    }
}

impl Layer {
    fn load(w: &Weights, width: i32, heads: i32) -> Result<Self> {
        Ok(Self {
            self_attn: Attention::load(&w.at("self_attn"), width, heads)?,
            self_attn_layer_norm: norm(w, "self_attn_layer_norm", width)?,
            feed_forward: FeedForward::load(w, width)?,
        })
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let normed = self.self_attn_layer_norm.forward(x)?;
        let memory = self.self_attn.memory(&normed)?;
        self.feed_forward.forward(&self.self_attn.forward(&normed, &memory, Mask::None, x)?)
    }
}

impl FeedForward {
    pub(super) fn load(w: &Weights, width: i32) -> Result<Self> {
        let inner = 4 * width;
        Ok(Self {
            final_layer_norm: norm(w, "final_layer_norm", width)?,
            fc1: w.linear_with_bias("fc1", [inner, width], true)?,
            fc2: w.linear_with_bias("fc2", [width, inner], true)?,
        })
    }

    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let inner = self.final_layer_norm.forward(x)?;
        let inner = self.fc1.forward_then(&inner, Some(Activation::Gelu), None)?;
        self.fc2.forward_then(&inner, None, Some(x))
    }
}

/// What parameters are that no checkpoint gives.
pub(super) fn zeros(shape: &[i32], _: &Key) -> MlxResult<Array> {
    Array::zeros(shape, Dtype::Float32)
}

pub(super) fn norm(w: &Weights, name: &str, width: i32) -> Result<LayerNorm> {
    Ok(LayerNorm::load(&w.at(name), width, LayerNormOptions::default())?)
}

/// Sines, then cosines, of waves whose lengths grow to 10,000 times 2π: `[length, width]`.
///
/// Vaswani et al., "Attention Is All You Need", in the order of OpenAI's Whisper.
fn sinusoids(length: i32, width: i32) -> MlxResult<Array> {
    let half = width / 2;
    let step = 10_000_f64.ln() / f64::from((half - 1).max(1));
    let angle = |at: i32, wave: i32| f64::from(at) * (-step * f64::from(wave)).exp();
    let row = |at: i32| {
        let sines = (0..half).map(move |wave| angle(at, wave).sin() as f32);
        sines.chain((0..half).map(move |wave| angle(at, wave).cos() as f32))
    };
    Array::from_vec((0..length).flat_map(row).collect(), [length, 2 * half])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_begin_with_sines_of_nothing_and_cosines_of_one() {
        let waves = sinusoids(2, 6).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(waves[..6], [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        assert!((waves[6] - 1.0_f32.sin()).abs() < 1e-6 && (waves[8] - 1e-4).abs() < 1e-8);
    }
}
