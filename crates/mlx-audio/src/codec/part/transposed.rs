//! The transpose of a convolution that makes `stride` elements of every one.

use mlx_core::{Array, ConvTranspose, Result as MlxResult, concatenate};
use mlx_nn::{ConvTranspose1d, GroupNorm, Module};

use super::padded::{Manner, norm};
use super::reader::{Channels, Reader};
use crate::Result;

/// The layer, with a kernel of two strides.
#[derive(Module)]
pub(crate) struct Transposed {
    conv: ConvTranspose1d,
    bias: Option<Array>,
    norm: Option<GroupNorm>,
    stride: i32,
    /// What is cut from the end.
    after: i32,
}

impl Transposed {
    pub(crate) fn load(
        r: &Reader,
        channels: Channels,
        stride: i32,
        groups: i32,
        bias: bool,
        manner: Manner,
    ) -> Result<Self> {
        let how = ConvTranspose { stride: [stride], groups, ..ConvTranspose::default() };
        let conv = r.at("conv");
        let [outputs, _] = channels;
        let after = if manner.causal { (stride as f32 * manner.trim).ceil() as i32 } else { stride / 2 };
        Ok(Self {
            // The bias is added behind, so that parts of a stream get it once.
            bias: bias.then(|| conv.floats("bias", [outputs])).transpose()?,
            conv: conv.conv_transpose(channels, 2 * stride, how, false)?,
            norm: norm(r, channels, manner)?,
            stride,
            after: after.clamp(0, stride),
        })
    }

    /// `[1, length, inputs] -> [1, length · stride, outputs]`.
    pub(crate) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let mut y = self.biased(self.conv.forward(x)?)?;
        if let Some(norm) = &self.norm {
            y = norm.forward(&y)?;
        }
        let first = self.stride - self.after;
        y.index((.., first..first + x.dim(1)? * self.stride))
    }

    /// The same for a causal layer that cuts its end only, of which the input comes in parts; `tail` is what the next
    /// part is added to.
    pub(crate) fn step(&self, x: &Array, tail: &mut Option<Array>) -> MlxResult<Array> {
        let y = self.conv.forward(x)?;
        let ends = x.dim(1)? * self.stride;
        let (mut head, rest) = (y.index((.., ..ends))?, y.index((.., ends..))?);
        if let Some(tail) = tail.take() {
            let first = (head.index((.., ..self.stride))? + tail)?;
            head = concatenate([&first, &head.index((.., self.stride..))?], 1)?;
        }
        *tail = Some(rest);
        self.biased(head)
    }

    fn biased(&self, y: Array) -> MlxResult<Array> {
        match &self.bias {
            Some(bias) => y + bias,
            None => Ok(y),
        }
    }
}
