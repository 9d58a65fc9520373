//! Convolutions of the tower with what is behind them.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, Weights, gelu, relu};
use mlx_vision::{Conv, ConvOptions, ConvShape};

use crate::Result;

/// A convolution, perhaps scaled channel by channel, and an activation.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Mobile {
    conv: Conv,
    squeeze: Option<[Conv; 2]>,
}

/// How many times fewer channels there are where they are weighed.
const SQUEEZE: i32 = 16;

/// A convolution with a bias at the path of `w`.
pub(super) fn biased(w: &Weights, shape: ConvShape) -> Result<Conv> {
    Ok(Conv::load(w, shape, ConvOptions { bias: true, ..ConvOptions::default() })?)
}

impl Mobile {
    /// The parts at the path of `w`.
    pub(super) fn load(w: &Weights, shape: ConvShape) -> Result<Self> {
        Self::stored(&w.at("reparam_conv"), shape, false)
    }

    /// The convolution at the path of `w`, whose weights have channels `last` where their shape leaves that open.
    pub(super) fn stored(w: &Weights, shape: ConvShape, last: bool) -> Result<Self> {
        let options = ConvOptions { bias: true, last, ..ConvOptions::default() };
        Ok(Self { conv: Conv::load(w, shape, options)?, squeeze: None })
    }

    /// This, and what weighs its channels, of which there are so many.
    pub(super) fn squeezing(self, w: &Weights, [down, up]: [&str; 2], width: i32) -> Result<Self> {
        let (w, few) = (w.at("se"), width / SQUEEZE);
        let squeeze = [
            biased(&w.at(down), ConvShape::point(width, few))?,
            biased(&w.at(up), ConvShape::point(few, width))?,
        ];
        Ok(Self { squeeze: Some(squeeze), ..self })
    }

    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let mut x = self.conv.forward(x)?;
        if let Some([first, last]) = &self.squeeze {
            // Hu et al., "Squeeze-and-Excitation Networks".
            let mean = x.mean([1, 2])?.reshape([x.dim(0)?, 1, 1, x.dim(3)?])?;
            x = (x * last.forward(&relu(&first.forward(&mean)?)?)?.sigmoid()?)?;
        }
        gelu(&x)
    }
}
