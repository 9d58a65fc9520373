//! Layers that make one value of the places in a window.

use mlx_core::Array;
use mlx_core::transform::custom_function;

use crate::layer::layers;
use crate::{Error, Module, Result};

/// How a window of `N` spatial axes goes over its input.
///
/// A number is a window of that size along each axis; windows of a number or a list do not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window<const N: usize> {
    /// Places in the window.
    pub kernel: [i32; N],
    /// Steps between windows.
    pub stride: [i32; N],
    /// Places that are added on both sides.
    pub padding: [i32; N],
}

impl<const N: usize> From<[i32; N]> for Window<N> {
    fn from(kernel: [i32; N]) -> Self {
        Self { kernel, stride: kernel, padding: [0; N] }
    }
}

impl<const N: usize> From<i32> for Window<N> {
    fn from(kernel: i32) -> Self {
        [kernel; N].into()
    }
}

impl<const N: usize> Window<N> {
    /// This window, if its numbers make sense.
    fn checked(self) -> Result<Self> {
        let Self { kernel, stride, padding } = self;
        for (field, lengths, least) in
            [("kernel_size", kernel, 1), ("stride", stride, 1), ("padding", padding, 0)]
        {
            if lengths.iter().any(|&length| length < least) {
                let problem = format!("{lengths:?} has a length of less than {least}");
                return Err(Error::config(field, problem));
            }
        }
        Ok(self)
    }

    /// The windows over `x` `[batch, …, channels]` between places of `value`: `[batch, …, kernel…, channels]`.
    #[track_caller]
    fn over(&self, x: &Array, value: f32) -> mlx_core::Result<Array> {
        if x.ndim() != N + 2 {
            let message = format!("{x:?} has not {N} axes between batch and channels");
            return Err(mlx_core::Error::custom("pool", message));
        }
        let padded;
        let x = if self.padding == [0; N] {
            x
        } else {
            let widths: Vec<_> = (1..).zip(self.padding).map(|(axis, width)| (axis, width, width)).collect();
            padded = x.pad(widths, value)?;
            &padded
        };
        let places = || x.shape().iter().skip(1).take(N).zip(self.kernel);
        if places().any(|(&length, size)| length < size) {
            let message = format!("a window of {:?} is longer than the places of {x:?}", self.kernel);
            return Err(mlx_core::Error::custom("pool", message));
        }
        let is_whole = places().all(|(length, size)| length % size == 0);
        if self.kernel == self.stride && is_whole { self.tiles(x) } else { self.sliding(x) }
    }

    /// Windows side by side: each element is in one.
    #[track_caller]
    fn tiles(&self, x: &Array) -> mlx_core::Result<Array> {
        let (batch, channels) = (x.dim(0)?, x.dim(-1)?);
        let lengths =
            x.shape().iter().skip(1).zip(self.kernel).flat_map(|(length, size)| [length / size, size]);
        let split: Vec<_> = [batch].into_iter().chain(lengths).chain([channels]).collect();
        let last = split.len() as i32 - 1;
        let axes: Vec<_> = [0].into_iter().chain((1..last).step_by(2)).chain((2..last).step_by(2)).collect();
        x.reshape(split)?.transpose([axes, vec![last]].concat())
    }

    /// Windows that share elements or leave some out. MLX's view has no rule for batches, so those join the input's.
    #[track_caller]
    fn sliding(self, x: &Array) -> mlx_core::Result<Array> {
        let view = custom_function(move |x: &Array| self.view(x));
        let view = view.vmap(move |x: &Array, axes| {
            let x = x.moveaxis(axes.iter().flatten().copied().next().unwrap_or_default(), 0)?;
            let windows = self.view(&x.flatten(0, 1)?)?;
            Ok((windows.unflatten(0, [x.dim(0)?, x.dim(1)?])?, 0))
        });
        view.call(x)
    }

    fn view(self, x: &Array) -> mlx_core::Result<Array> {
        let (batch, channels) = (x.dim(0)?, x.dim(-1)?);
        let steps = row_major(x.shape());
        let spatial = || steps.iter().copied().skip(1).take(N);
        let strides = spatial().zip(self.stride).map(|(step, stride)| step * i64::from(stride));
        let counts = x.shape().iter().skip(1).zip(self.kernel).zip(self.stride);
        let counts = counts.map(|((length, size), stride)| (length - size) / stride + 1);
        let shape: Vec<_> = [batch].into_iter().chain(counts).chain(self.kernel).chain([channels]).collect();
        let first = steps.iter().copied().take(1);
        let strides: Vec<_> = first.chain(strides).chain(spatial()).chain([1]).collect();
        x.as_strided(shape, &strides, 0)
    }

    /// The axes of what [`over`](Self::over) gives that are places in a window.
    fn axes() -> Vec<i32> {
        (0..).take(N).map(|axis| axis - N as i32 - 1).collect()
    }
}

/// How far it is to the next element along each axis.
fn row_major(shape: &[i32]) -> Vec<i64> {
    let behind = (1..=shape.len()).map(|axis| shape.iter().skip(axis));
    behind.map(|lengths| lengths.map(|&length| i64::from(length)).product()).collect()
}

/// The greatest value in each window; `-inf` is added at the sides.
#[derive(Clone, Copy, Debug, Module, PartialEq, Eq)]
pub struct MaxPool<const N: usize>(#[module(skip)] Window<N>);

/// The mean of each window; zeros are added at the sides, and count.
#[derive(Clone, Copy, Debug, Module, PartialEq, Eq)]
pub struct AvgPool<const N: usize>(#[module(skip)] Window<N>);

macro_rules! pools {
    ($($pool:ident, $value:expr, $reduce:ident;)*) => {$(
        impl<const N: usize> $pool<N> {
            /// A layer with this window: `3`, `[3, 2]` or a [`Window`].
            ///
            /// # Errors
            /// A kernel or stride is not positive, or a padding is negative.
            pub fn new(window: impl Into<Window<N>>) -> Result<Self> {
                window.into().checked().map(Self)
            }

            /// `[batch, …, channels] -> [batch, …, channels]`, with `N` axes of places between them.
            #[track_caller]
            pub fn forward(&self, x: &Array) -> mlx_core::Result<Array> {
                self.0.over(x, $value)?.$reduce(&*Window::<N>::axes())
            }
        }
    )*};
}

pools! {
    MaxPool, f32::NEG_INFINITY, max;
    AvgPool, 0.0, mean;
}

/// [`MaxPool`] over sequences.
pub type MaxPool1d = MaxPool<1>;
/// [`MaxPool`] over images.
pub type MaxPool2d = MaxPool<2>;
/// [`MaxPool`] over volumes.
pub type MaxPool3d = MaxPool<3>;
/// [`AvgPool`] over sequences.
pub type AvgPool1d = AvgPool<1>;
/// [`AvgPool`] over images.
pub type AvgPool2d = AvgPool<2>;
/// [`AvgPool`] over volumes.
pub type AvgPool3d = AvgPool<3>;

layers!(AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d);
