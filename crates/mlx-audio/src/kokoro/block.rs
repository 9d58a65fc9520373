//! Two convolutions with norms of a style before them, beside which the input goes.

use std::f32::consts::FRAC_1_SQRT_2;

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Conv1d, Module, Weights, leaky_relu};

use super::convolution::{Doubling, Shape, convolution};
use super::norm::AdaIn;
use crate::Result;

/// The block, which may make two elements of every one.
#[derive(Module)]
pub(super) struct StyleBlock {
    norm1: AdaIn,
    pool: Option<Doubling>,
    conv1: Conv1d,
    norm2: AdaIn,
    conv2: Conv1d,
    /// What the input goes through where its width is another.
    conv1x1: Option<Conv1d>,
}

const SLOPE: f32 = 0.2;

impl StyleBlock {
    pub(super) fn load(w: &Weights, [outputs, inputs]: [i32; 2], style: i32, doubles: bool) -> Result<Self> {
        let three = Shape::same(3, 1);
        let through = || convolution(&w.at("conv1x1"), [outputs, inputs], Shape::same(1, 1), false);
        Ok(Self {
            norm1: AdaIn::load(&w.at("norm1"), inputs, style)?,
            pool: doubles.then(|| Doubling::load(&w.at("pool"), inputs)).transpose()?,
            conv1: convolution(&w.at("conv1"), [outputs, inputs], three, true)?,
            norm2: AdaIn::load(&w.at("norm2"), outputs, style)?,
            conv2: convolution(&w.at("conv2"), [outputs, outputs], three, true)?,
            conv1x1: (outputs != inputs).then(through).transpose()?,
        })
    }

    /// `[1, length, inputs] -> [1, length or 2 · length, outputs]`.
    pub(super) fn forward(&self, x: &Array, style: &Array) -> MlxResult<Array> {
        let mut inner = leaky_relu(&self.norm1.forward(x, style)?, SLOPE)?;
        let mut beside = x.clone();
        if let Some(pool) = &self.pool {
            inner = pool.forward(&inner)?;
            beside = x.repeat(2, 1)?;
        }
        inner = self.conv1.forward(&inner)?;
        inner = self.conv2.forward(&leaky_relu(&self.norm2.forward(&inner, style)?, SLOPE)?)?;
        if let Some(conv) = &self.conv1x1 {
            beside = conv.forward(&beside)?;
        }
        (inner + beside)? * FRAC_1_SQRT_2
    }
}
