//! Blocks of the tower: what mixes places, and what mixes channels.
//!
//! Vasu et al., "FastViT: A Fast Hybrid Vision Transformer using Structural Reparameterization".

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{LayerNorm, LayerNormOptions, Module, Weights, gelu};
use mlx_vision::{Attention, AttentionNames, AttentionOptions, Conv, ConvOptions, ConvShape};

use super::config::Stage;
use super::conv::biased;
use super::names::Names;
use crate::Result;

/// A block.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Block {
    mixer: Mixer,
    mlp: Mlp,
    scale: Array,
}

/// What mixes places.
#[derive(Module)]
#[module(no_tree)]
enum Mixer {
    Near(Box<Conv>),
    Far { norm: Box<LayerNorm>, attention: Box<Attention>, scale: Array },
}

/// What mixes channels, behind a convolution that keeps them apart.
#[derive(Module)]
#[module(no_tree)]
struct Mlp {
    conv: Conv,
    up: Conv,
    down: Conv,
}

/// How wide a head is.
pub(super) const HEAD: i32 = 32;

impl Block {
    pub(super) fn load(w: &Weights, names: &Names, stage: &Stage) -> Result<Self> {
        let width = stage.width;
        let scale = |name: &str| scale(w, &format!("{name}{}", names.scale), width);
        let mixer = w.at("token_mixer");
        let (mixer, scale) = if stage.attends {
            let names = AttentionNames::Fused(["qkv", "proj"]);
            let options = AttentionOptions { output_bias: true, ..AttentionOptions::default() };
            let attention = Attention::load_with(&mixer, names, [width, width / HEAD], options)?;
            let norm = LayerNorm::load(&w.at("norm"), width, LayerNormOptions::default())?;
            let (norm, attention) = (Box::new(norm), Box::new(attention));
            (Mixer::Far { norm, attention, scale: scale("layer_scale_1")? }, scale("layer_scale_2")?)
        } else {
            let near = biased(&mixer.at("reparam_conv"), ConvShape::apart(width, 3))?;
            (Mixer::Near(Box::new(near)), scale("layer_scale")?)
        };
        Ok(Self { mixer, mlp: Mlp::load(&w.at(names.mlp), stage)?, scale })
    }

    /// `[1, rows, columns, width] -> [1, rows, columns, width]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let x = match &self.mixer {
            Mixer::Near(conv) => conv.forward(x)?,
            Mixer::Far { norm, attention, scale } => {
                let places = norm.forward(x)?.flatten(0, 2)?;
                let zero = Array::zeros([1], places.dtype())?;
                let seen = attention.forward(&places, None, &[], &zero)?;
                (x + (seen * scale)?.reshape(x.shape())?)?
            }
        };
        &x + (self.mlp.forward(&x)? * &self.scale)?
    }
}

/// Factors of channels, of which PyTorch has the first axis, and MLX the last.
fn scale(w: &Weights, name: &str, width: i32) -> Result<Array> {
    let last = w.shape(name).is_some_and(|shape| shape.starts_with(&[1, 1]));
    let shape = if last { [1, 1, width] } else { [width, 1, 1] };
    Ok(w.array(name, shape)?.reshape([width])?)
}

impl Mlp {
    fn load(w: &Weights, stage: &Stage) -> Result<Self> {
        let inside = w.at("conv");
        let conv = Conv::load(&inside.at("conv"), ConvShape::apart(stage.width, 7), ConvOptions::default())?;
        Ok(Self {
            conv: conv.normed(&inside.at("bn"))?,
            up: biased(&w.at("fc1"), ConvShape::point(stage.width, stage.inner))?,
            down: biased(&w.at("fc2"), ConvShape::point(stage.inner, stage.width))?,
        })
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        self.down.forward(&gelu(&self.up.forward(&self.conv.forward(x)?)?)?)
    }
}
