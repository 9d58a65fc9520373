//! From samples to what the decoder hears.

use mlx_core::fast::{Activation, Mask};
use mlx_core::{Array, Device, Dtype, Result as MlxResult, concatenate};
use mlx_nn::{GroupNorm, GroupNormOptions, LayerNorm, LayerNormOptions, Linear, Module, Weights};

use super::attention::Attention;
use super::config::Sizes;
use crate::Result;
use crate::convolution::{Convolution, Shape};

/// Three convolutions of samples, and layers that see all of a recording.
#[derive(Module)]
pub(super) struct Encoder {
    conv1: Convolution,
    groupnorm: GroupNorm,
    conv2: Convolution,
    conv3: Convolution,
    layers: Vec<Layer>,
    layer_norm: LayerNorm,
}

#[derive(Module)]
struct Layer {
    self_attn: Attention,
    fc1: Linear,
    fc2: Linear,
    input_layernorm: LayerNorm,
    post_attention_layernorm: LayerNorm,
}

/// Recordings as the decoder hears them.
pub(super) struct Encoded {
    /// `[recordings, places, width]`.
    pub(super) states: Array,
    /// True at the places of each recording, `[recordings, 1, 1, places]`; none if all are as long.
    pub(super) mask: Option<Array>,
}

/// The fewest samples of which a place comes.
pub(super) const LEAST: usize = 895;

impl Encoder {
    pub(super) fn load(w: &Weights, sizes: Sizes) -> Result<Self> {
        let width = sizes.width;
        let conv = |name: &str, channels, kernel, stride, bias| {
            let [outputs, inputs] = channels;
            Convolution::load(&w.at(name), Shape { outputs, kernel, inputs, stride, bias })
        };
        let options = GroupNormOptions { pytorch_compatible: true, ..GroupNormOptions::default() };
        Ok(Self {
            conv1: conv("conv1", [width, 1], KERNEL, 64, false)?,
            groupnorm: GroupNorm::load(&w.at("groupnorm"), 1, width, options)?,
            conv2: conv("conv2", [2 * width, width], 7, 3, true)?,
            conv3: conv("conv3", [width, 2 * width], 3, 2, true)?,
            layers: w.each("layers", sizes.layers).map(|w| Layer::load(&w, sizes)).collect::<Result<_>>()?,
            layer_norm: norm(w, "layer_norm", width)?,
        })
    }

    /// Recordings at 16 kHz, each by itself as if it were alone.
    pub(super) fn forward(&self, recordings: &[&[f32]], dtype: Dtype) -> MlxResult<Encoded> {
        let stems = recordings.iter().map(|samples| self.stem(samples, dtype));
        let stems = stems.collect::<MlxResult<Vec<_>>>()?;
        let lengths = stems.iter().map(|stem| stem.dim(1)).collect::<MlxResult<Vec<_>>>()?;
        let longest = lengths.iter().copied().max().unwrap_or_default();
        let padded = stems.iter().zip(&lengths).map(|(stem, length)| stem.pad([(1, 0, longest - length)], 0));
        let mut x = concatenate(&padded.collect::<MlxResult<Vec<_>>>()?, 0)?;
        let mask = present(&lengths, longest)?;
        for layer in &self.layers {
            if Device::current().is_cpu() {
                x.eval()?;
            }
            x = layer.forward(&x, mask.as_ref())?;
        }
        Ok(Encoded { states: self.layer_norm.forward(&x)?, mask })
    }

    /// `[samples] -> [1, places, width]`. A recording that is too short has silence behind it.
    fn stem(&self, samples: &[f32], dtype: Dtype) -> MlxResult<Array> {
        let mut samples = samples.to_vec();
        samples.resize(samples.len().max(LEAST), 0.0);
        let length = i32::try_from(samples.len()).unwrap_or(i32::MAX);
        let x = Array::from_vec(samples, [1, length, 1])?.astype(dtype)?;
        let x = self.groupnorm.forward(&self.conv1.forward(&x, None)?.tanh()?)?;
        let x = self.conv2.forward(&x, Some(Activation::Gelu))?;
        self.conv3.forward(&x, Some(Activation::Gelu))
    }
}

/// Samples that the first convolution hears at once.
pub(super) const KERNEL: i32 = 127;

/// Where there is something of recordings of such lengths.
fn present(lengths: &[i32], longest: i32) -> MlxResult<Option<Array>> {
    if lengths.iter().all(|&length| length == longest) {
        return Ok(None);
    }
    let rows = i32::try_from(lengths.len()).unwrap_or(i32::MAX);
    let lengths = Array::from_slice(lengths, [rows, 1, 1, 1])?;
    Ok(Some(Array::arange(0..longest)?.astype(Dtype::Int32)?.less(&lengths)?))
}

impl Layer {
    fn load(w: &Weights, sizes: Sizes) -> Result<Self> {
        let Sizes { width, inner, .. } = sizes;
        Ok(Self {
            self_attn: Attention::load(&w.at("self_attn"), sizes)?,
            fc1: w.linear_with_bias("mlp.fc1", [inner, width], true)?,
            fc2: w.linear_with_bias("mlp.fc2", [width, inner], true)?,
            input_layernorm: norm(w, "input_layernorm", width)?,
            post_attention_layernorm: norm(w, "post_attention_layernorm", width)?,
        })
    }

    fn forward(&self, x: &Array, mask: Option<&Array>) -> MlxResult<Array> {
        let normed = self.input_layernorm.forward(x)?;
        let memory = self.self_attn.memory(&normed, Some(0))?;
        let x = self.self_attn.forward([x, &normed], &memory, masked(mask), Some(0))?;
        let inner = self.post_attention_layernorm.forward(&x)?;
        let inner = self.fc1.forward_then(&inner, Some(Activation::Gelu), None)?;
        self.fc2.forward_then(&inner, None, Some(&x))
    }
}

pub(super) fn masked(mask: Option<&Array>) -> Mask<'_> {
    mask.map_or(Mask::None, Mask::Array)
}

/// A norm without a bias.
pub(super) fn norm(w: &Weights, name: &str, width: i32) -> Result<LayerNorm> {
    let options = LayerNormOptions { bias: false, ..LayerNormOptions::default() };
    Ok(LayerNorm::load(&w.at(name), width, options)?)
}
