//! A layer: patches see those of their window, then channels see each other.

use mlx_core::{Array, Conv, Result as MlxResult};
use mlx_nn::{Conv2d, LayerNorm, Linear, Module, Weights};
use mlx_vision::{Activation, Attention, AttentionNames, FeedForward};

use super::{convolution, norm};
use crate::Result;

/// What the layers of a stage have in common.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) width: i32,
    pub(super) inner: i32,
    pub(super) heads: i32,
    pub(super) groups: i32,
    pub(super) window: i32,
}

/// What both halves of a layer do beside attention.
#[derive(Module)]
#[module(no_tree)]
struct Around {
    conv1: Conv2d,
    norm1: LayerNorm,
    conv2: Conv2d,
    norm2: LayerNorm,
    ffn: FeedForward,
}

/// Patches that see those of their window.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct WindowBlock {
    around: Around,
    attention: Attention,
    window: i32,
}

/// Channels that see those of their group.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct ChannelBlock {
    around: Around,
    qkv: Linear,
    proj: Linear,
    groups: i32,
}

impl Around {
    fn load(w: &Weights, sizes: Sizes, activation: &str) -> Result<Self> {
        let Sizes { width, inner, .. } = sizes;
        let conv = |name| {
            let how = Conv { padding: [1, 1], groups: width, ..Conv::default() };
            convolution::load(&w.at(name), [width; 2], 3, how)
        };
        let activation = Activation::named(activation)?;
        Ok(Self {
            conv1: conv("conv1")?,
            norm1: norm(w, "norm1", width)?,
            conv2: conv("conv2")?,
            norm2: norm(w, "norm2", width)?,
            ffn: FeedForward::load(&w.at("ffn"), ["fc1", "fc2"], [width, inner], activation)?,
        })
    }

    /// `x` with what it is where it lies, and its norm.
    fn before(&self, x: &Array) -> MlxResult<[Array; 2]> {
        let x = (self.conv1.forward(x)? + x)?;
        let normed = self.norm1.forward(&x)?;
        Ok([x, normed])
    }

    fn after(&self, x: &Array) -> MlxResult<Array> {
        let x = (self.conv2.forward(x)? + x)?;
        self.ffn.forward(&self.norm2.forward(&x)?, &x)
    }
}

impl WindowBlock {
    pub(super) fn load(w: &Weights, sizes: Sizes, activation: &str) -> Result<Self> {
        let names = AttentionNames::Fused(["qkv", "proj"]);
        let attention = Attention::load(&w.at("window_attn"), names, [sizes.width, sizes.heads], true)?;
        Ok(Self { around: Around::load(w, sizes, activation)?, attention, window: sizes.window })
    }

    /// `[1, height, width, channels] -> [1, height, width, channels]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [x, normed] = self.around.before(x)?;
        let windows = Windows::of(&x, self.window)?;
        let groups = vec![self.window * self.window; windows.count()];
        let seen = self.attention.forward(&windows.cut(&normed)?, None, &groups, &windows.cut(&x)?)?;
        self.around.after(&windows.join(&seen)?)
    }
}

impl ChannelBlock {
    pub(super) fn load(w: &Weights, sizes: Sizes, activation: &str) -> Result<Self> {
        let (Sizes { width, groups, .. }, attention) = (sizes, w.at("channel_attn"));
        Ok(Self {
            around: Around::load(w, sizes, activation)?,
            qkv: attention.linear_with_bias("qkv", [3 * width, width], true)?,
            proj: attention.linear_with_bias("proj", [width; 2], true)?,
            groups,
        })
    }

    /// `[1, height, width, channels] -> [1, height, width, channels]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [x, normed] = self.around.before(x)?;
        let [_, height, width, channels] = x.dims()?;
        let patches = height * width;
        let qkv = self.qkv.forward(&normed)?.reshape([patches, 3, self.groups, channels / self.groups])?;
        // Of a group: channels in rows, and what each is at every patch.
        let part = |at: i32| qkv.index((.., at))?.transpose([1, 2, 0]);
        let scaled = (part(0)? * f64::from(patches).recip().sqrt() as f32)?;
        let seen = scaled.matmul(part(1)?.swapaxes(-1, -2)?)?.softmax(-1)?.matmul(part(2)?)?;
        let seen = seen.transpose([2, 0, 1])?.reshape([1, height, width, channels])?;
        self.around.after(&self.proj.forward_then(&seen, None, Some(&x))?)
    }
}

/// How a map is cut into windows, the last of which reach past its edge.
struct Windows {
    size: [i32; 3],
    window: i32,
    counts: [i32; 2],
}

impl Windows {
    fn of(x: &Array, window: i32) -> MlxResult<Self> {
        let [_, height, width, channels] = x.dims()?;
        let count = |length: i32| (length + window - 1) / window;
        Ok(Self { size: [height, width, channels], window, counts: [count(height), count(width)] })
    }

    fn count(&self) -> usize {
        self.counts.map(|count| count.unsigned_abs() as usize).iter().product()
    }

    /// `[1, height, width, channels]` to patches window by window, `[patches, channels]`, with zeros past the edge.
    fn cut(&self, x: &Array) -> MlxResult<Array> {
        let ([height, width, channels], [rows, columns], window) = (self.size, self.counts, self.window);
        let past = [(1, 0, rows * window - height), (2, 0, columns * window - width)];
        x.pad(past, 0.0)?
            .reshape([rows, window, columns, window, channels])?
            .transpose([0, 2, 1, 3, 4])?
            .reshape([-1, channels])
    }

    /// The opposite of [`cut`](Self::cut).
    fn join(&self, x: &Array) -> MlxResult<Array> {
        let ([height, width, channels], [rows, columns], window) = (self.size, self.counts, self.window);
        x.reshape([rows, columns, window, window, channels])?
            .transpose([0, 2, 1, 3, 4])?
            .reshape([1, rows * window, columns * window, channels])?
            .index((.., ..height, ..width))
    }
}
