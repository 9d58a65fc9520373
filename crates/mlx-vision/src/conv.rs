//! Convolutions over rows and columns.

use mlx_core::{Array, ConvGeneral, Result as MlxResult};
use mlx_nn::{Module, Result, Weights};

/// A convolution whose output is as large as its input, but for its steps.
#[derive(Module)]
#[module(no_tree)]
pub struct Conv {
    weight: Array,
    bias: Option<Array>,
    #[module(skip)]
    shape: ConvShape,
    #[module(skip)]
    pads: Pads,
}

/// What a convolution is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Channels of the input and the output.
    pub widths: [i32; 2],
    /// Rows and columns that an output sees, an odd number.
    pub kernel: i32,
    /// Rows and columns from one output to the next.
    pub stride: i32,
    /// Whether channels are apart.
    pub apart: bool,
}

/// How a convolution is stored and what is around its input.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConvOptions {
    /// There is a bias.
    pub bias: bool,
    /// Zeros around the input.
    pub pads: Pads,
    /// Where the shape of the weights leaves it open, channels are stored last, as by MLX, not first, as by PyTorch.
    pub last: bool,
}

/// Zeros around an input, so that a line of `n` becomes `n / stride`, rounded up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pads {
    /// As many before as behind, whatever the stride: as PyTorch's models have it.
    #[default]
    Even,
    /// No more than needed, and an odd one behind: TensorFlow's `SAME`.
    Least,
}

impl ConvShape {
    /// A product at each place.
    pub fn point(input: i32, output: i32) -> Self {
        Self { widths: [input, output], kernel: 1, stride: 1, apart: false }
    }

    /// One that keeps channels apart, and the size.
    pub fn apart(width: i32, kernel: i32) -> Self {
        Self { widths: [width; 2], kernel, stride: 1, apart: true }
    }
}

impl Conv {
    /// The layer at the path of `w`. Channels of its weights are first or last, as their shape tells.
    pub fn load(w: &Weights, shape: ConvShape, options: ConvOptions) -> Result<Self> {
        let ConvShape { widths: [input, output], kernel, apart, .. } = shape;
        let (within, ConvOptions { bias, pads, last }) = (if apart { 1 } else { input }, options);
        let last = match w.shape("weight").unwrap_or_default() {
            [_, rows, columns, behind] if rows != behind => rows == columns,
            _ => last,
        };
        let weight = if last {
            w.array("weight", [output, kernel, kernel, within])?
        } else {
            w.array("weight", [output, within, kernel, kernel])?.transpose([0, 2, 3, 1])?
        };
        let bias = bias.then(|| w.array("bias", [output])).transpose()?;
        Ok(Self { weight, bias, shape, pads })
    }

    /// This convolution and, behind it, what gives channels the mean 0 and the variance 1 of training.
    pub fn normed(self, w: &Weights) -> Result<Self> {
        /// What is added to a variance.
        const EPS: f32 = 1e-5;
        let width = self.weight.dim(0)?;
        let part = |name| w.array(name, [width]);
        w.ignore(|key| key.ends_with(".num_batches_tracked"));
        let scale = (part("weight")? / (part("running_var")? + EPS)?.sqrt()?)?;
        let bias = (part("bias")? - (part("running_mean")? * &scale)?)?;
        let weight = (&self.weight * scale.reshape([width, 1, 1, 1])?)?;
        Ok(Self { weight, bias: Some(bias), ..self })
    }

    /// `[images, rows, columns, input] -> [images, rows, columns, output]`, where rows and columns may be fewer.
    pub fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [_, rows, columns, channels] = x.dims()?;
        let ConvShape { stride, apart, .. } = self.shape;
        let pads = [rows, columns].map(|length| self.around(length));
        let how = ConvGeneral {
            stride: [stride; 2],
            padding_lo: pads.map(|[before, _]| before),
            padding_hi: pads.map(|[_, behind]| behind),
            groups: if apart { channels } else { 1 },
            ..ConvGeneral::default()
        };
        let x = x.astype(self.weight.dtype())?.conv_general(&self.weight, how)?;
        match &self.bias {
            Some(bias) => x + bias,
            None => Ok(x),
        }
    }

    /// The zeros before and behind a line of so many.
    fn around(&self, length: i32) -> [i32; 2] {
        let ConvShape { kernel, stride, .. } = self.shape;
        match self.pads {
            Pads::Even => [kernel / 2; 2],
            Pads::Least => {
                let steps = (length - 1).max(0) / stride.max(1);
                let needed = (steps * stride + kernel - length).max(0);
                [needed / 2, needed - needed / 2]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn layer(weight: Array, shape: ConvShape, options: ConvOptions) -> Conv {
        let w = Weights::new(BTreeMap::from([("weight".to_owned(), weight)]), None);
        w.build(|w| Conv::load(w, shape, options)).unwrap()
    }

    #[test]
    fn channels_are_found_first_or_last() {
        let shape = ConvShape { widths: [2, 1], kernel: 3, stride: 1, apart: false };
        let first = Array::arange(0.0..18.0).unwrap().reshape([1, 2, 3, 3]).unwrap();
        let last = first.transpose([0, 2, 3, 1]).unwrap();
        let x = Array::arange(0.0..24.0).unwrap().reshape([1, 3, 4, 2]).unwrap();
        let [one, other] = [first, last].map(|weight| {
            let seen = layer(weight, shape, ConvOptions::default()).forward(&x).unwrap();
            assert_eq!(seen.shape(), [1, 3, 4, 1]);
            seen.to_vec::<f32>().unwrap()
        });
        assert_eq!(one, other);
    }

    #[test]
    fn least_pads_are_behind_where_they_are_odd() {
        let shape = ConvShape { widths: [1; 2], kernel: 3, stride: 2, apart: false };
        let x = Array::arange(1.0..17.0).unwrap().reshape([1, 4, 4, 1]).unwrap();
        let sums = |pads| {
            let options = ConvOptions { pads, ..ConvOptions::default() };
            let ones = Array::ones([1, 1, 3, 3], mlx_core::Dtype::Float32).unwrap();
            layer(ones, shape, options).forward(&x).unwrap().to_vec::<f32>().unwrap()
        };
        assert_eq!(sums(Pads::Least), [54.0, 45.0, 72.0, 54.0]);
        assert_eq!(sums(Pads::Even), [14.0, 30.0, 57.0, 99.0]);
    }
}
