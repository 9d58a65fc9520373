//! From samples to frames: convolutions without padding, each a product with the places that it sees side by side.

use mlx_core::fast::{self, Activation};
use mlx_core::{Array, Device, Result as MlxResult, keep};
use mlx_nn::{LayerNorm, LayerNormOptions, Linear, Module, Weights};

use super::config::{Config, Norm};
use crate::Result;
use crate::checkpoint::floats;

/// The convolutions.
#[derive(Module)]
pub(super) struct Features {
    layers: Vec<Layer>,
}

#[derive(Module)]
struct Layer {
    conv: Linear,
    norm: Option<ChannelNorm>,
    kernel: i32,
    stride: i32,
}

/// What normalises behind a convolution.
#[derive(Module)]
enum ChannelNorm {
    /// Each channel over the time.
    Group(Group),
    Layer(LayerNorm),
}

#[derive(Module)]
struct Group {
    weight: Array,
    bias: Array,
}

/// What PyTorch adds to variances.
const EPS: f32 = 1e-5;

impl Features {
    pub(super) fn load(w: &Weights, config: &Config) -> Result<Self> {
        let mut layers = Vec::new();
        let mut inputs = 1;
        let sizes = config.conv_dim.iter().zip(&config.conv_kernel).zip(&config.conv_stride);
        for (at, ((&outputs, &kernel), &stride)) in sizes.enumerate() {
            let w = w.at(format!("conv_layers.{at}"));
            let weight = floats(&w, "conv.weight", [outputs, inputs, kernel])?;
            let weight = weight.swapaxes(1, 2)?.reshape([outputs, kernel * inputs])?.contiguous(false)?;
            let bias = config.conv_bias.then(|| floats(&w, "conv.bias", [outputs])).transpose()?;
            let norm = match config.feat_extract_norm {
                Norm::Group if at > 0 => None,
                Norm::Group => Some(ChannelNorm::Group(Group {
                    weight: floats(&w, "layer_norm.weight", [outputs])?,
                    bias: floats(&w, "layer_norm.bias", [outputs])?,
                })),
                Norm::Layer => {
                    let options = LayerNormOptions { eps: EPS, ..LayerNormOptions::default() };
                    Some(ChannelNorm::Layer(LayerNorm::load(&w.at("layer_norm"), outputs, options)?))
                }
            };
            layers.push(Layer { conv: Linear::new(weight, bias), norm, kernel, stride });
            inputs = outputs;
        }
        Ok(Self { layers })
    }

    /// `[batch, samples] -> [batch, frames, channels]`.
    pub(super) fn forward(&self, samples: &Array) -> MlxResult<Array> {
        let waits = Device::current().is_cpu();
        let mut x = samples.expand_dims(-1)?;
        for layer in &self.layers {
            x = layer.forward(&x)?;
            if waits {
                x.eval()?;
            }
        }
        Ok(x)
    }
}

impl Layer {
    /// `[batch, length, inputs] -> [batch, (length - kernel) / stride + 1, outputs]`.
    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [batch, length, inputs] = x.dims()?;
        let frames = (length - self.kernel).div_euclid(self.stride) + 1;
        let row = i64::from(inputs);
        let steps = [i64::from(length) * row, i64::from(self.stride) * row, 1];
        let seen = x.as_strided([batch, frames, self.kernel * inputs], &steps, 0)?.contiguous(false)?;
        match &self.norm {
            None => self.conv.forward_then(&seen, Some(Activation::Gelu), None),
            Some(norm) => fast::activate(Activation::Gelu, &norm.forward(&self.conv.forward(&seen)?)?),
        }
    }
}

impl ChannelNorm {
    fn forward(&self, x: &Array) -> MlxResult<Array> {
        match self {
            Self::Layer(norm) => norm.forward(x),
            Self::Group(Group { weight, bias }) => {
                let moved = (x - x.mean(keep(1))?)?;
                let variance = moved.square()?.mean(keep(1))?;
                let scale = (weight * (variance + EPS)?.rsqrt()?)?;
                (moved * scale)? + bias
            }
        }
    }
}
