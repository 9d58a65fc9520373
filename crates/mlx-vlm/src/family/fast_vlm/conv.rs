//! Convolutions of the tower.

use mlx_core::{Array, Conv as Steps, Result as MlxResult};
use mlx_nn::{Module, Weights, gelu, relu};

use crate::Result;

/// A convolution over rows and columns.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Conv {
    weight: Array,
    bias: Option<Array>,
    #[module(skip)]
    steps: Steps<2>,
}

/// What a convolution is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) widths: [i32; 2],
    pub(super) kernel: i32,
    pub(super) stride: i32,
    /// Whether channels are apart.
    pub(super) apart: bool,
}

/// A convolution, perhaps scaled channel by channel, and an activation.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Mobile {
    conv: Conv,
    squeeze: Option<[Conv; 2]>,
}

impl Shape {
    /// A product at each place.
    pub(super) fn point(input: i32, output: i32) -> Self {
        Self { widths: [input, output], kernel: 1, stride: 1, apart: false }
    }

    /// One that keeps channels apart, and the size.
    pub(super) fn apart(width: i32, kernel: i32) -> Self {
        Self { widths: [width; 2], kernel, stride: 1, apart: true }
    }
}

impl Conv {
    /// The layer at the path of `w`, whose weights are channels first.
    pub(super) fn load(w: &Weights, shape: Shape, bias: bool) -> Result<Self> {
        let Shape { widths: [input, output], kernel, stride, apart } = shape;
        let groups = if apart { input } else { 1 };
        let weight = w.array("weight", [output, input / groups, kernel, kernel])?.transpose([0, 2, 3, 1])?;
        let bias = bias.then(|| w.array("bias", [output])).transpose()?;
        let steps = Steps { stride: [stride; 2], padding: [kernel / 2; 2], groups, ..Steps::default() };
        Ok(Self { weight, bias, steps })
    }

    /// This convolution and, behind it, what gives channels the mean 0 and the variance 1 of training.
    pub(super) fn normed(self, w: &Weights) -> Result<Self> {
        let width = self.weight.dim(0)?;
        let part = |name| w.array(name, [width]);
        w.ignore(|key| key.ends_with(".num_batches_tracked"));
        let scale = (part("weight")? / (part("running_var")? + EPS)?.sqrt()?)?;
        let bias = (part("bias")? - (part("running_mean")? * &scale)?)?;
        let weight = (&self.weight * scale.reshape([width, 1, 1, 1])?)?;
        Ok(Self { weight, bias: Some(bias), ..self })
    }

    /// `[images, rows, columns, input] -> [images, rows, columns, output]`, where rows and columns may be fewer.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let x = x.astype(self.weight.dtype())?.conv2d(&self.weight, self.steps)?;
        match &self.bias {
            Some(bias) => x + bias,
            None => Ok(x),
        }
    }
}

/// What is added to a variance.
const EPS: f32 = 1e-5;

/// How many times fewer channels there are where they are weighed.
const SQUEEZE: i32 = 16;

impl Mobile {
    /// The parts at the path of `w`.
    pub(super) fn load(w: &Weights, shape: Shape, squeezes: bool) -> Result<Self> {
        let [_, width] = shape.widths;
        let squeeze = || -> Result<[Conv; 2]> {
            let (w, few) = (w.at("se"), width / SQUEEZE);
            Ok([
                Conv::load(&w.at("fc1"), Shape::point(width, few), true)?,
                Conv::load(&w.at("fc2"), Shape::point(few, width), true)?,
            ])
        };
        Ok(Self {
            conv: Conv::load(&w.at("reparam_conv"), shape, true)?,
            squeeze: squeezes.then(squeeze).transpose()?,
        })
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
