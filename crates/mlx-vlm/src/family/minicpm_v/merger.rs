//! Squares of four patches that become one vector: behind the tower, and within it.

use mlx_core::fast::Activation as Fast;
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{LayerNorm, LayerNormOptions, Linear, Module, Weights};
use mlx_vision::{Activation, Attention, AttentionNames, EncoderSizes, squares};

use crate::Result;

/// A norm and two layers, which take four vectors side by side.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Merger {
    pre_norm: LayerNorm,
    linear_1: Linear,
    linear_2: Linear,
    #[module(skip)]
    activation: Activation,
}

/// As [`Merger`], of vectors that have seen those of their square, and added to their mean.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Window {
    layer_norm1: LayerNorm,
    self_attn: Attention,
    #[module(flatten)]
    merger: Merger,
}

/// What norms behind the tower add.
const EPS: f32 = 1e-6;

impl Merger {
    /// The layers behind the tower, at the path of `w`.
    pub(super) fn load(w: &Weights, width: i32, text_width: i32) -> Result<Self> {
        Self::sized(w, [4 * width, 4 * width, text_width], EPS, Activation::Fast(Fast::Gelu))
    }

    fn sized(w: &Weights, widths: [i32; 3], eps: f32, activation: Activation) -> Result<Self> {
        let [wide, inner, output] = widths;
        let options = LayerNormOptions { eps, ..LayerNormOptions::default() };
        Ok(Self {
            pre_norm: LayerNorm::load(&w.at("pre_norm"), wide, options)?,
            linear_1: w.linear_with_bias("linear_1", [inner, wide], true)?,
            linear_2: w.linear_with_bias("linear_2", [output, inner], true)?,
            activation,
        })
    }

    /// `[slices, rows, columns, width] -> [slices · rows / 2 · columns / 2, hidden]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        self.merged(&squares(x, 2)?.flatten(0, 1)?)
    }

    fn merged(&self, x: &Array) -> MlxResult<Array> {
        self.linear_2.forward(&self.activation.after(&self.linear_1, &self.pre_norm.forward(x)?)?)
    }
}

impl Window {
    /// The layers at the path of `w`, in a tower of such layers.
    pub(super) fn load(w: &Weights, sizes: &EncoderSizes) -> Result<Self> {
        let names = AttentionNames::Apart(["q_proj", "k_proj", "v_proj", "out_proj"]);
        let EncoderSizes { width, inner, heads, eps, .. } = *sizes;
        let activation = Activation::Fast(Fast::GeluApprox);
        Ok(Self {
            layer_norm1: sizes.norm(w, "layer_norm1")?,
            self_attn: Attention::load(&w.at("self_attn"), names, [width, heads], true)?,
            merger: Merger::sized(w, [4 * width, 4 * inner, width], eps, activation)?,
        })
    }

    /// `[slices, rows, columns, width] -> [slices, rows / 2, columns / 2, width]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [slices, rows, columns, width] = x.dims()?;
        let x = squares(x, 2)?.reshape([-1, width])?;
        let groups = vec![4; (slices * rows / 2 * (columns / 2)).unsigned_abs() as usize];
        let x = self.self_attn.forward(&self.layer_norm1.forward(&x)?, None, &groups, &x)?;
        let x = x.reshape([-1, 4, width])?;
        let merged = (self.merger.merged(&x.flatten(1, 2)?)? + x.mean(1)?)?;
        merged.reshape([slices, rows / 2, columns / 2, width])
    }
}
