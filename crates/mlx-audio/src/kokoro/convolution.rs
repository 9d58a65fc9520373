//! Convolutions and their transposes, which as products of matrices run on all cores.
//!
//! Arrays are `[1, length, channels]`.

use mlx_core::{Array, Conv, Device, Result as MlxResult};
use mlx_nn::{Conv1d, Linear, Module, Weights};

use super::weights::{floats, kernel};
use crate::Result;

/// How a convolution moves along its input.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) kernel: i32,
    pub(super) stride: i32,
    pub(super) padding: i32,
    pub(super) dilation: i32,
}

impl Shape {
    /// A convolution whose output is as long as its input.
    pub(super) fn same(kernel: i32, dilation: i32) -> Self {
        Self { kernel, stride: 1, padding: (kernel - 1) * dilation / 2, dilation }
    }
}

/// The convolution at the path of `w`: `[1, length, inputs] -> [1, outer, outputs]`.
pub(super) fn convolution(
    w: &Weights,
    [outputs, inputs]: [i32; 2],
    Shape { kernel: width, stride, padding, dilation }: Shape,
    bias: bool,
) -> Result<Conv1d> {
    let weight = kernel(w, [outputs, inputs], width)?.contiguous(false)?;
    let bias = bias.then(|| floats(w, "bias", [outputs])).transpose()?;
    let how = Conv { stride: [stride], padding: [padding], dilation: [dilation], groups: 1 };
    Ok(Conv1d::new(weight, bias, how))
}

/// The transpose of a convolution, which makes `stride` elements of every one: a linear layer makes all places that an
/// element adds to, and what overlaps is added.
#[derive(Module)]
pub(super) struct Transposed {
    #[module(flatten)]
    linear: Linear,
    bias: Array,
    outputs: i32,
    /// Strides that an element reaches over.
    reach: i32,
    stride: i32,
    padding: i32,
    kernel: i32,
}

impl Transposed {
    pub(super) fn load(w: &Weights, [outputs, inputs]: [i32; 2], shape: Shape) -> Result<Self> {
        let Shape { kernel: width, stride, padding, .. } = shape;
        let reach = (width + stride - 1) / stride.max(1);
        // Its rows are its inputs, so the layout is that of a convolution the other way.
        let weight = kernel(w, [inputs, outputs], width)?;
        let weight = weight.pad([(1, 0, reach * stride - width)], 0)?;
        let weight = weight.reshape([inputs, reach * stride * outputs])?.t()?.contiguous(false)?;
        Ok(Self {
            linear: Linear::new(weight, None),
            bias: floats(w, "bias", [outputs])?,
            outputs,
            reach,
            stride,
            padding,
            kernel: width,
        })
    }

    /// `[1, length, inputs] -> [1, (length - 1) · stride + kernel - 2 · padding, outputs]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let length = x.dim(1)?;
        let row = self.stride * self.outputs;
        let added = self.linear.forward(x)?.reshape([1, length, self.reach, row])?;
        let shifted = |at: i32| added.index((.., .., at))?.pad([(1, at, self.reach - 1 - at)], 0);
        let mut sum = shifted(0)?;
        for at in 1..self.reach {
            sum = (sum + shifted(at)?)?;
        }
        let whole = sum.reshape([1, (length + self.reach - 1) * self.stride, self.outputs])?;
        let end = (length - 1) * self.stride + self.kernel - self.padding;
        whole.index((.., self.padding..end))? + &self.bias
    }
}

/// The transpose of a convolution of three places that makes two elements of every one, each channel by itself.
#[derive(Module)]
pub(super) struct Doubling {
    /// `[3, channels]`.
    weight: Array,
    bias: Array,
}

impl Doubling {
    pub(super) fn load(w: &Weights, channels: i32) -> Result<Self> {
        let weight = kernel(w, [channels, 1], 3)?.reshape([channels, 3])?.t()?;
        Ok(Self { weight, bias: floats(w, "bias", [channels])? })
    }

    /// `[1, length, channels] -> [1, 2 · length, channels]`, of PyTorch's padding and output padding of 1.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [_, length, channels] = x.dims()?;
        let next = x.index((.., 1..))?.pad([(1, 0, 1)], 0)?;
        let first = (x * self.weight.index(1)?)?;
        let second = ((x * self.weight.index(2)?)? + (next * self.weight.index(0)?)?)?;
        let both = mlx_core::stack(&[first, second], 2)?.reshape([1, 2 * length, channels])?;
        both + &self.bias
    }
}

/// On a CPU, computes an array now: the memory of all that is lazy is taken before the first of it is computed.
pub(super) fn settle(x: &Array) -> MlxResult<()> {
    if Device::current().is_cpu() { x.eval() } else { Ok(()) }
}
