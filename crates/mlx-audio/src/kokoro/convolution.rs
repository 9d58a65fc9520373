//! Convolutions as products of matrices, which MLX multiplies on all cores.
//!
//! Arrays are `[1, length, channels]`.

use mlx_core::{Array, Device, Result as MlxResult, Slice, concatenate};
use mlx_nn::{Linear, Module, Weights};

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

/// A convolution, as one linear layer of the neighbours of each place side by side.
#[derive(Module)]
pub(super) struct Convolution {
    #[module(flatten)]
    linear: Linear,
    /// Inputs of the linear layer.
    inner: i32,
    kernel: i32,
    stride: i32,
    padding: i32,
    dilation: i32,
}

/// The most numbers that are put side by side at once.
const MOST: i32 = 1 << 24;

impl Convolution {
    pub(super) fn load(w: &Weights, channels: [i32; 2], shape: Shape) -> Result<Self> {
        Self::with(w, channels, shape, true)
    }

    pub(super) fn without_bias(w: &Weights, channels: [i32; 2], shape: Shape) -> Result<Self> {
        Self::with(w, channels, shape, false)
    }

    fn with(w: &Weights, [outputs, inputs]: [i32; 2], shape: Shape, bias: bool) -> Result<Self> {
        let Shape { kernel: width, stride, padding, dilation } = shape;
        let inner = width * inputs;
        let weight = kernel(w, [outputs, inputs], width)?.reshape([outputs, inner])?;
        let bias = bias.then(|| floats(w, "bias", [outputs])).transpose()?;
        Ok(Self { linear: Linear::new(weight, bias), inner, kernel: width, stride, padding, dilation })
    }

    /// `[1, length, inputs] -> [1, outer, outputs]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        if self.kernel == 1 && self.stride == 1 {
            return self.linear.forward(x);
        }
        let x = x.pad([(1, self.padding, self.padding)], 0)?;
        let span = (self.kernel - 1) * self.dilation + 1;
        let length = (x.dim(1)? - span).max(0) / self.stride + 1;
        let together = (MOST / self.inner.max(1)).max(1);
        if length <= together {
            return self.part(&x, 0, length);
        }
        let mut parts = Vec::new();
        for first in (0..length).step_by(together as usize) {
            let part = self.part(&x, first, together.min(length - first))?;
            settle(&part)?;
            parts.push(part);
        }
        concatenate(&parts, 1)
    }

    /// `count` places of the output from the `first`.
    fn part(&self, x: &Array, first: i32, count: i32) -> MlxResult<Array> {
        let shifted = |at: i32| {
            let start = first * self.stride + at * self.dilation;
            x.index((.., Slice::step_by(start..start + (count - 1) * self.stride + 1, self.stride)))
        };
        let shifted = (0..self.kernel).map(shifted).collect::<MlxResult<Vec<_>>>()?;
        self.linear.forward(&concatenate(&shifted, -1)?)
    }
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
