//! From a spectrogram to what the decoder hears.

use mlx_core::fast::{Activation, Mask};
use mlx_core::{Array, Device, Result as MlxResult};
use mlx_nn::{LayerNorm, LayerNormOptions, Linear, Module, Weights};

use super::attention::Attention;
use super::checkpoint::KERNEL;
use super::sizes::Sizes;
use crate::Result;
use crate::convolution::{Convolution, Shape, zeros};

/// Two convolutions and layers that see a whole window.
#[derive(Module)]
pub(super) struct Encoder {
    conv1: Convolution,
    conv2: Convolution,
    positions: Array,
    layers: Vec<Layer>,
    layer_norm: LayerNorm,
}

/// Attention to all places, then two linear layers.
#[derive(Module)]
pub(crate) struct Layer {
    self_attn: Attention,
    self_attn_layer_norm: LayerNorm,
    #[module(flatten)]
    feed_forward: FeedForward,
}

/// How large a layer is, and whether its keys have a bias.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerSizes {
    pub(crate) width: i32,
    pub(crate) heads: i32,
    pub(crate) inner: i32,
    pub(crate) key_bias: bool,
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
        let conv = |name: &str, inputs, stride| {
            let shape = Shape { outputs: width, kernel: KERNEL, inputs, stride, bias: true };
            Convolution::load(&w.at(name), shape)
        };
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
            layers: w
                .each("layers", layers)
                .map(|w| Layer::load(&w, LayerSizes { width, heads, inner: 4 * width, key_bias: false }))
                .collect::<Result<_>>()?,
            layer_norm: norm(w, "layer_norm", width)?,
        })
    }

    /// `[batch, frames, mels] -> [batch, frames / 2, width]`.
    pub(super) fn forward(&self, mels: &Array) -> MlxResult<Array> {
        let waits = Device::current().is_cpu();
        let padded = |x: &Array| x.pad([(1, 1, 1)], 0);
        let x = padded(&mels.astype(self.positions.dtype())?)?;
        let x = self.conv1.forward(&x, Some(Activation::Gelu))?;
        let x = self.conv2.forward(&padded(&x)?, Some(Activation::Gelu))?;
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

impl Layer {
    pub(crate) fn load(w: &Weights, sizes: LayerSizes) -> Result<Self> {
        let LayerSizes { width, heads, inner, key_bias } = sizes;
        Ok(Self {
            self_attn: Attention::load(&w.at("self_attn"), width, heads, key_bias)?,
            self_attn_layer_norm: norm(w, "self_attn_layer_norm", width)?,
            feed_forward: FeedForward::load(w, width, inner)?,
        })
    }

    /// `[batch, length, width] -> [batch, length, width]`.
    pub(crate) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let normed = self.self_attn_layer_norm.forward(x)?;
        let memory = self.self_attn.memory(&normed)?;
        self.feed_forward.forward(&self.self_attn.forward(&normed, &memory, Mask::None, x)?)
    }
}

impl FeedForward {
    pub(super) fn load(w: &Weights, width: i32, inner: i32) -> Result<Self> {
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

pub(crate) fn norm(w: &Weights, name: &str, width: i32) -> Result<LayerNorm> {
    Ok(LayerNorm::load(&w.at(name), width, LayerNormOptions::default())?)
}

/// Sines, then cosines, of waves whose lengths grow to 10,000 times 2π: `[length, width]`.
///
/// Vaswani et al., "Attention Is All You Need", in the order of OpenAI's Whisper.
pub(crate) fn sinusoids(length: i32, width: i32) -> MlxResult<Array> {
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
