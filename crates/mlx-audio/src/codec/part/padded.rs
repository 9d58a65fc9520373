//! A convolution that makes one element of every `stride`, whatever the length.

use mlx_core::{Array, Conv, PadMode, Result as MlxResult, Scalar, concatenate};
use mlx_nn::{Conv1d, GroupNorm, GroupNormOptions, Module};

use super::reader::{Channels, Reader};
use crate::{Error, Result};

/// What lies beyond the ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pad {
    Zeros,
    Reflect,
    Edge,
}

impl Pad {
    pub(crate) fn named(name: &str) -> Result<Self> {
        match name {
            "constant" => Ok(Self::Zeros),
            "reflect" => Ok(Self::Reflect),
            "replicate" => Ok(Self::Edge),
            other => Err(Error::config("config.json", format!("pad_mode `{other}` is not supported"))),
        }
    }

    /// More elements along axis 1. A mirror at the end of too few elements sees zeros behind them.
    fn apply(self, x: &Array, before: i32, after: i32) -> MlxResult<Array> {
        let mode = match self {
            Self::Zeros => PadMode::Constant(Scalar::Int(0)),
            Self::Edge => PadMode::Edge,
            Self::Reflect => PadMode::Reflect,
        };
        let (length, most) = (x.dim(1)?, before.max(after));
        if self != Self::Reflect || length > most {
            return x.pad([(1, before, after)], mode);
        }
        let longer = x.pad([(1, 0, most - length + 1)], 0)?;
        longer.pad([(1, before, after)], mode)?.index((.., ..before + length + after))
    }
}

/// How such a convolution is to be read.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) channels: Channels,
    pub(crate) kernel: i32,
    pub(crate) stride: i32,
    pub(crate) dilation: i32,
    pub(crate) bias: bool,
}

impl Shape {
    pub(crate) fn new(channels: Channels, kernel: i32) -> Self {
        Self { channels, kernel, stride: 1, dilation: 1, bias: true }
    }
}

/// What all convolutions of a model have in common.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) pad: Pad,
    /// Whether an element sees only those before it.
    pub(crate) causal: bool,
    /// Whether the channels of all the time are normalised together behind it.
    pub(crate) norm: bool,
    /// The part of what a causal transpose has too much that is cut from its end.
    pub(crate) trim: f32,
}

/// The convolution.
#[derive(Module)]
pub(crate) struct PaddedConv {
    conv: Conv1d,
    norm: Option<GroupNorm>,
    stride: i32,
    /// From the first place of the kernel to the last.
    span: i32,
    causal: bool,
    #[module(skip)]
    pad: Pad,
}

impl PaddedConv {
    pub(crate) fn load(r: &Reader, shape: Shape, manner: Manner) -> Result<Self> {
        let Shape { channels, kernel, stride, dilation, bias } = shape;
        let how = Conv { stride: [stride], dilation: [dilation], ..Conv::default() };
        Ok(Self {
            conv: r.at("conv").conv(channels, kernel, how, bias)?,
            norm: norm(r, channels, manner)?,
            stride,
            span: 1 + (kernel - 1) * dilation,
            causal: manner.causal,
            pad: manner.pad,
        })
    }

    /// `[1, length, inputs] -> [1, ⌈length / stride⌉, outputs]`.
    pub(crate) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let (length, around) = (x.dim(1)?, self.span - self.stride);
        let whole = (self.stride - length % self.stride) % self.stride;
        let after = if self.causal { 0 } else { around / 2 };
        let y = self.conv.forward(&self.pad.apply(x, around - after, after + whole)?)?;
        self.norm.as_ref().map_or(Ok(y.clone()), |norm| norm.forward(&y))
    }

    /// The same for a causal convolution of which the input comes in parts: what can be said after `x`, with the rest
    /// kept in `seen`. The `last` part is filled up as [`forward`](Self::forward) fills up the whole.
    pub(crate) fn step(
        &self,
        x: Option<&Array>,
        seen: &mut Option<Array>,
        last: bool,
    ) -> MlxResult<Option<Array>> {
        let around = self.span - self.stride;
        let mut all = match (seen.take(), x) {
            (Some(seen), Some(x)) => concatenate([&seen, x], 1)?,
            (None, Some(x)) => self.pad.apply(x, around, 0)?,
            (Some(seen), None) => seen,
            (None, None) => return Ok(None),
        };
        let rest = (all.dim(1)? - around) % self.stride;
        if last && rest > 0 {
            all = self.pad.apply(&all, 0, self.stride - rest)?;
        }
        let count = (all.dim(1)? - around).div_euclid(self.stride);
        *seen = Some(all.index((.., count * self.stride..))?);
        if count == 0 {
            return Ok(None);
        }
        Ok(Some(self.conv.forward(&all.index((.., ..around + count * self.stride))?)?))
    }
}

/// The norm behind a convolution, where there is one.
pub(crate) fn norm(r: &Reader, [outputs, _]: Channels, manner: Manner) -> Result<Option<GroupNorm>> {
    let options = GroupNormOptions { pytorch_compatible: true, ..GroupNormOptions::default() };
    Ok(manner.norm.then(|| GroupNorm::load(&r.w.at("norm"), 1, outputs, options)).transpose()?)
}
