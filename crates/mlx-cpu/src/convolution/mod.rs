//! Convolutions of sequences and of images, in MLX's layout: channels come last.

mod depthwise;
mod windows;

use std::ops::Range;

use crate::numbers::{Float, with};
use crate::product::dense::Transposed;
use crate::scratch::Scratch;
use crate::{Level, Numbers, NumbersMut, product};

use windows::Windows;

/// How a kernel goes along one axis.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// Places of the input.
    pub length: usize,
    /// Places of the kernel.
    pub kernel: usize,
    /// Places from a position of the kernel to the next one.
    pub stride: usize,
    /// Zeros before and behind the input.
    pub padding: [usize; 2],
    /// Places of the input from a place of the kernel to the next one.
    pub dilation: usize,
}

impl Axis {
    /// How many positions the kernel has; none where it does not fit, or where the stride or the dilation is 0.
    pub fn positions(&self) -> Option<usize> {
        let padded = self.length.checked_add(self.padding[0])?.checked_add(self.padding[1])?;
        let reach = self.kernel.checked_sub(1)?.checked_mul(self.dilation)?.checked_add(1)?;
        let last = padded.checked_sub(reach)?.checked_div(self.stride)?;
        (self.dilation > 0).then_some(last + 1)
    }

    /// The places of the kernel that stand on the input, at a position.
    fn inside(&self, position: usize) -> Range<usize> {
        let first = position * self.stride;
        let (before, dilation) = (self.padding[0], self.dilation);
        let low = before.saturating_sub(first).div_ceil(dilation).min(self.kernel);
        let high = (self.length + before).saturating_sub(first).div_ceil(dilation);
        low..high.clamp(low, self.kernel)
    }

    /// The place of the input under a place of the kernel that stands on it.
    fn place(&self, position: usize, kernel: usize) -> usize {
        (position * self.stride + kernel * self.dilation).saturating_sub(self.padding[0])
    }
}

/// The channels of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Channels {
    /// Of the input.
    pub input: usize,
    /// Of the result.
    pub output: usize,
    /// Parts of the input's channels that are seen by as many parts of the result's, each by one.
    pub groups: usize,
}

/// A convolution along two axes.
#[derive(Clone, Copy, Debug)]
struct Shape {
    axes: [Axis; 2],
    positions: [usize; 2],
    channels: Channels,
}

/// `x` `[batch, length, input]`, `w` `[output, kernel, input / groups]` to `[batch, positions, output]`.
///
/// Returns whether the sizes fit.
pub fn conv1d(
    level: Level,
    axis: Axis,
    channels: Channels,
    x: Numbers<'_>,
    w: Numbers<'_>,
    out: NumbersMut<'_>,
) -> bool {
    let one = Axis { length: 1, kernel: 1, stride: 1, padding: [0; 2], dilation: 1 };
    conv2d(level, [one, axis], channels, x, w, out)
}

/// `x` `[batch, height, width, input]`, `w` `[output, kernel, kernel, input / groups]` to
/// `[batch, positions, positions, output]`.
///
/// Returns whether the sizes fit.
pub fn conv2d(
    level: Level,
    axes: [Axis; 2],
    channels: Channels,
    x: Numbers<'_>,
    w: Numbers<'_>,
    out: NumbersMut<'_>,
) -> bool {
    let Some(shape) = Shape::new(axes, channels) else { return false };
    let fits = shape.fits(x.len(), w.len(), out.len());
    if fits {
        with!(Numbers, x, |x| with!(Numbers, w, |w| with!(NumbersMut, out, |out| {
            shape.convolve(level, x, w, out);
        })));
    }
    fits
}

impl Shape {
    fn new(axes: [Axis; 2], channels: Channels) -> Option<Self> {
        let positions = [axes[0].positions()?, axes[1].positions()?];
        let Channels { input, output, groups } = channels;
        let whole = groups > 0 && input.is_multiple_of(groups) && output.is_multiple_of(groups);
        (whole && input > 0 && output > 0).then_some(Self { axes, positions, channels })
    }

    fn fits(&self, x: usize, w: usize, out: usize) -> bool {
        let product = |sizes: [usize; 3]| sizes.into_iter().try_fold(1_usize, usize::checked_mul);
        let [[rows, columns], [kernel_rows, kernel_columns]] =
            [self.axes.map(|axis| axis.length), self.axes.map(|axis| axis.kernel)];
        let depth = product([kernel_rows, kernel_columns, self.channels.input / self.channels.groups]);
        let image = product([rows, columns, self.channels.input]);
        let result = product([self.positions[0], self.positions[1], self.channels.output]);
        let (Some(depth), Some(image), Some(result)) = (depth, image, result) else { return false };
        let batch = x.checked_div(image).unwrap_or(0);
        batch.checked_mul(image) == Some(x)
            && batch.checked_mul(result) == Some(out)
            && depth.checked_mul(self.channels.output) == Some(w)
    }

    /// Places of the kernel.
    fn kernel(&self) -> usize {
        self.axes[0].kernel * self.axes[1].kernel
    }

    fn convolve<T: Float, W: Float, U: Float>(&self, level: Level, x: &[T], w: &[W], out: &mut [U]) {
        let Channels { input, output, groups } = self.channels;
        if groups == input && groups == output && groups > 1 {
            depthwise::convolve(level, self, x, w, out);
            return;
        }
        let (each, columns) = (input / groups, output / groups);
        let depth = each * self.kernel();
        if groups == 1 {
            let left = Windows { elements: x, shape: self, first: 0, each };
            product::multiply_rows(level, &left, &Transposed { elements: w, depth, columns }, out);
            return;
        }
        let mut part = Scratch::new(out.len() / groups);
        for (group, w) in w.chunks_exact(depth * columns).enumerate() {
            let left = Windows { elements: x, shape: self, first: group * each, each };
            product::multiply_rows(level, &left, &Transposed { elements: w, depth, columns }, &mut part);
            for (part, out) in part.chunks_exact(columns).zip(out.chunks_exact_mut(output)) {
                let to = out.iter_mut().skip(group * columns);
                to.zip(part).for_each(|(to, &from)| *to = U::from_f32(from));
            }
        }
    }
}
