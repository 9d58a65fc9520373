//! Layers that see all frames and, by convolutions, those near them.

use mlx_core::fast::{self, Activation};
use mlx_core::{Array, Conv, Device, Dtype, Result as MlxResult};
use mlx_nn::{Conv1d, LayerNorm, LayerNormOptions, Linear, Module, Weights, glu};

use super::attention::{Attention, places};
use super::config::EncoderPlan;
use super::subsampling::Subsampling;
use crate::Result;
use crate::checkpoint::floats;

/// From a spectrogram to states.
///
/// Gulati et al., "Conformer", behind the subsampling of Rekesh et al., "Fast Conformer".
#[derive(Module)]
pub(super) struct Encoder {
    subsampling: Subsampling,
    layers: Vec<Layer>,
    /// What the first states are multiplied by.
    scale: f32,
}

#[derive(Module)]
struct Layer {
    first: FeedForward,
    attention_norm: LayerNorm,
    attention: Attention,
    convolution: Convolution,
    second: FeedForward,
    norm: LayerNorm,
}

/// Half of two linear layers behind a norm.
#[derive(Module)]
struct FeedForward {
    norm: LayerNorm,
    up: Linear,
    down: Linear,
}

/// A gate, a convolution whose channels are apart, and a mix.
#[derive(Module)]
struct Convolution {
    norm: LayerNorm,
    gate: Linear,
    depthwise: Conv1d,
    mix: Linear,
}

/// What PyTorch adds to variances.
const EPS: f32 = 1e-5;

impl Encoder {
    pub(super) fn load(w: &Weights, plan: &EncoderPlan) -> Result<Self> {
        Ok(Self {
            subsampling: Subsampling::load(&w.at("pre_encode"), plan)?,
            layers: w.each("layers", plan.layers).map(|w| Layer::load(&w, plan)).collect::<Result<_>>()?,
            scale: if plan.scaled { f64::from(plan.width).sqrt() as f32 } else { 1.0 },
        })
    }

    /// `[frames, mels] -> [⌈frames / 8⌉, width]`.
    pub(super) fn forward(&self, mels: &Array) -> MlxResult<Array> {
        let waits = Device::current().is_cpu();
        let mut x = (self.subsampling.forward(mels)? * self.scale)?;
        let [length, width] = x.dims()?;
        let places = places(length, width)?.astype(x.dtype())?;
        for layer in &self.layers {
            if waits {
                x.eval()?;
            }
            x = layer.forward(&x, &places)?;
        }
        Ok(x)
    }
}

impl Layer {
    fn load(w: &Weights, plan: &EncoderPlan) -> Result<Self> {
        Ok(Self {
            first: FeedForward::load(w, "feed_forward1", plan)?,
            attention_norm: norm(w, "norm_self_att", plan)?,
            attention: Attention::load(&w.at("self_attn"), plan)?,
            convolution: Convolution::load(w, plan)?,
            second: FeedForward::load(w, "feed_forward2", plan)?,
            norm: norm(w, "norm_out", plan)?,
        })
    }

    fn forward(&self, x: &Array, places: &Array) -> MlxResult<Array> {
        let x = (x + self.first.forward(x)?)?;
        let x = self.attention.forward(&self.attention_norm.forward(&x)?, places, &x)?;
        let x = self.convolution.forward(&x)?;
        self.norm.forward(&(&x + self.second.forward(&x)?)?)
    }
}

impl FeedForward {
    fn load(w: &Weights, name: &str, plan: &EncoderPlan) -> Result<Self> {
        let &EncoderPlan { width, inner, bias, .. } = plan;
        let layers = w.at(name);
        Ok(Self {
            norm: norm(w, &format!("norm_{name}"), plan)?,
            up: layers.linear_with_bias("linear1", [inner, width], bias)?,
            down: layers.linear_with_bias("linear2", [width, inner], bias)?,
        })
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let inner = self.up.forward_then(&self.norm.forward(x)?, Some(Activation::Silu), None)?;
        self.down.forward(&inner)? * 0.5
    }
}

impl Convolution {
    fn load(w: &Weights, plan: &EncoderPlan) -> Result<Self> {
        let &EncoderPlan { width, kernel, conv_bias, .. } = plan;
        let conv = w.at("conv");
        Ok(Self {
            norm: norm(w, "norm_conv", plan)?,
            gate: conv.linear_with_bias("pointwise_conv1", [2 * width, width], conv_bias)?,
            depthwise: normalized(&conv, width, kernel, conv_bias)?,
            mix: conv.linear_with_bias("pointwise_conv2", [width, width], conv_bias)?,
        })
    }

    /// `x` and what the layers make of it.
    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let gated = glu(&self.gate.forward(&self.norm.forward(x)?)?, -1)?;
        let near = self.depthwise.forward(&gated.expand_dims(0)?)?.index(0)?;
        self.mix.forward_then(&fast::activate(Activation::Silu, &near)?, None, Some(x))
    }
}

/// The convolution with the batch normalisation behind it, which scales and moves its channels.
fn normalized(w: &Weights, width: i32, kernel: i32, bias: bool) -> Result<Conv1d> {
    let depthwise = w.at("depthwise_conv");
    let weight = floats(&depthwise, "weight", [width, kernel])?;
    let dtype = weight.dtype();
    let norm = w.at("batch_norm");
    norm.ignore(|name| name.ends_with(".num_batches_tracked"));
    let moment = |name: &str| Ok::<_, crate::Error>(floats(&norm, name, [width])?.astype(Dtype::Float32)?);
    let scale = (moment("weight")? * (moment("running_var")? + EPS)?.rsqrt()?)?;
    let mean = moment("running_mean")?;
    let moved = match bias {
        true => (floats(&depthwise, "bias", [width])?.astype(Dtype::Float32)? - mean)?,
        false => (mean * -1.0)?,
    };
    let bias = ((moved * &scale)? + moment("bias")?)?;
    let weight = (weight.astype(Dtype::Float32)? * scale.expand_dims(1)?)?.expand_dims(2)?;
    let how = Conv { padding: [kernel / 2], groups: width, ..Conv::default() };
    Ok(Conv1d::new(weight.astype(dtype)?, Some(bias.astype(dtype)?), how))
}

fn norm(w: &Weights, name: &str, plan: &EncoderPlan) -> Result<LayerNorm> {
    let options = LayerNormOptions { eps: EPS, ..LayerNormOptions::default() };
    Ok(LayerNorm::load(&w.at(name), plan.width, options)?)
}
