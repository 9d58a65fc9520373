//! Convolutions along one axis or two.

use mlx_cpu::Level;
use mlx_cpu::convolution::{self, Axis, Channels};

use super::numbers::{Floats, fits, results};
use crate::kernel::{Failure, Input, Output, Primitive, Spec};
use crate::ops::stack;
use crate::{Array, ConvGeneral, Result, Slice};

/// Neither flipped nor of a dilated input, and no padding cuts.
struct Convolution<const N: usize>(ConvGeneral<N>);

/// `x` `[batch, …, input]` with `weight` `[output, …, input / groups]`; none if there is no kernel.
#[track_caller]
pub(crate) fn convolution<const N: usize>(
    x: &Array,
    weight: &Array,
    conv: &ConvGeneral<N>,
) -> Option<Result<Array>> {
    let floats = fits(x.dtype()) && fits(weight.dtype());
    let cuts = conv.padding_lo.iter().chain(&conv.padding_hi).any(|&side| side < 0);
    // Depthwise ones stay with MLX's op, whose memory is what the budgets of models with states were measured by.
    let depthwise = conv.groups > 1 && weight.shape().last() <= Some(&1);
    let together = x.size() > 0 && channels(x.shape(), weight.shape(), conv.groups).is_some();
    let fits = floats && together && !cuts && !depthwise;
    let direct = conv.input_dilation == [1; N];
    // A dilated input is a sum of plain convolutions only where each output sees the places of one of them.
    let phased = N == 1 && conv.stride == [1; N] && conv.kernel_dilation == [1; N];
    if !fits || !(1..=2).contains(&N) || !(direct || phased) || !super::is_on() {
        return None;
    }
    let weight = match unflipped(weight, conv) {
        Ok(weight) => weight,
        Err(error) => return Some(Err(error)),
    };
    let conv = ConvGeneral { flip: false, ..*conv };
    Some(if direct {
        super::apply(Convolution(conv), [x, &weight])
    } else {
        Phases::new(x, &weight, &conv).convolve()
    })
}

/// The channels, where input and weight go together.
fn channels(x: &[i32], weight: &[i32], groups: i32) -> Option<Channels> {
    let (&input, &output, &each) = (x.last()?, weight.first()?, weight.last()?);
    let whole = groups > 0 && output % groups == 0 && each.checked_mul(groups) == Some(input);
    let [input, output, groups] = [input, output, groups].map(|n| n.unsigned_abs() as usize);
    whole.then_some(Channels { input, output, groups })
}

/// The weight in the order in which it lies on the input.
fn unflipped<const N: usize>(weight: &Array, conv: &ConvGeneral<N>) -> Result<Array> {
    let axes: [i32; N] = std::array::from_fn(|at| at as i32 + 1);
    if conv.flip { weight.flip(axes) } else { Ok(weight.clone()) }
}

impl<const N: usize> Convolution<N> {
    fn axes(&self, x: &[i32], weight: &[i32]) -> [Axis; 2] {
        let mut axes = [Axis { length: 1, kernel: 1, stride: 1, padding: [0; 2], dilation: 1 }; 2];
        let of = |list: &[i32], at: usize| list.get(at).map_or(0, |&n| n.max(0).unsigned_abs() as usize);
        for (at, axis) in axes.iter_mut().skip(2_usize.saturating_sub(N)).enumerate() {
            *axis = Axis {
                length: of(x, at + 1),
                kernel: of(weight, at + 1),
                stride: of(&self.0.stride, at),
                padding: [of(&self.0.padding_lo, at), of(&self.0.padding_hi, at)],
                dilation: of(&self.0.kernel_dilation, at),
            };
        }
        axes
    }
}

impl<const N: usize> Primitive for Convolution<N> {
    const NAME: &'static str = "convolution";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        let [x, weight] = inputs else { return Ok(Vec::new()) };
        let axes = self.axes(x.shape(), weight.shape());
        let places = axes.iter().skip(2_usize.saturating_sub(N));
        let places =
            places.map(|axis| axis.positions().and_then(|n| i32::try_from(n).ok()).unwrap_or(i32::MAX));
        let ends = [x.shape().first(), weight.shape().first()].map(|n| n.copied().unwrap_or_default());
        let [batch, outputs] = ends;
        let shape: Vec<i32> = std::iter::once(batch).chain(places).chain([outputs]).collect();
        Ok(vec![Spec::new(shape, x.dtype().promote(weight.dtype()))])
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let ([x, weight], [out]) = (inputs, outputs) else { return Err("an input is missing".into()) };
        let axes = self.axes(x.shape(), weight.shape());
        let channels = channels(x.shape(), weight.shape(), self.0.groups).ok_or("the channels do not fit")?;
        let (x, weight) = (Floats::of(x)?, Floats::of(weight)?);
        super::checked(convolution::conv2d(
            Level::best(),
            axes,
            channels,
            x.numbers(),
            weight.numbers(),
            results(out)?,
        ))
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [x, weight] = inputs else { return Ok(Vec::new()) };
        Ok(vec![super::plainly(|| x.conv_general(weight, self.0))?])
    }

    fn is_same(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// A convolution of an input `[batch, length, input]` that is dilated by `count`, as a transposed one is, without its
/// zeros: every `count`th output sees the same places of the kernel.
struct Phases<'a> {
    x: &'a Array,
    weight: &'a Array,
    groups: i32,
    count: i32,
    /// Zeros before the dilated input.
    before: i32,
    /// Lengths of the input, the kernel and the result.
    lengths: [i32; 3],
}

impl<'a> Phases<'a> {
    fn new<const N: usize>(x: &'a Array, weight: &'a Array, conv: &ConvGeneral<N>) -> Self {
        let of = |list: &[i32], at: usize| list.get(at).copied().unwrap_or_default();
        let (count, before) = (of(&conv.input_dilation, 0), of(&conv.padding_lo, 0));
        let [length, kernel] = [of(x.shape(), 1), of(weight.shape(), 1)];
        let padded = 1 + count * (length - 1) + before + of(&conv.padding_hi, 0);
        Self { x, weight, groups: conv.groups, count, before, lengths: [length, kernel, padded - kernel + 1] }
    }

    fn convolve(&self) -> Result<Array> {
        let [_, _, places] = self.lengths;
        let phases = (0..self.count).map(|phase| self.phase(phase)).collect::<Result<Vec<_>>>()?;
        let wide = stack(&phases, 2)?.flatten(1, 2)?;
        Ok(wide.split_at([places], 1)?.swap_remove(0))
    }

    /// The outputs from `phase` on, one of `count` each.
    fn phase(&self, phase: i32) -> Result<Array> {
        let [length, kernel, places] = self.lengths;
        let first = (self.before - phase).rem_euclid(self.count);
        let ahead = (phase + first - self.before).div_euclid(self.count);
        let outputs = places.div_euclid(self.count) + i32::from(places % self.count > 0);
        let taps = (kernel - first).max(0).div_euclid(self.count)
            + i32::from((kernel - first).max(0) % self.count > 0);
        let behind = outputs - 1 + taps - length + ahead;
        if taps == 0 || length - ahead.max(0) + behind.min(0) < 1 {
            return self.silence(outputs);
        }
        let weight = self.taps(first, taps)?;
        let plain = ConvGeneral {
            padding_lo: [-ahead],
            padding_hi: [behind],
            groups: self.groups,
            ..ConvGeneral::default()
        };
        self.x.conv_general(&weight, plain)
    }

    /// So many places of the kernel from `first` on, one of `count` each.
    fn taps(&self, first: i32, taps: i32) -> Result<Array> {
        // MLX's gradient of a step that reaches beyond the axis is wrong.
        if taps == 1 {
            return self.weight.index((.., first..first + 1));
        }
        self.weight.index((.., Slice::step_by(first.., self.count)))
    }

    /// Outputs that see zeros only.
    fn silence(&self, outputs: i32) -> Result<Array> {
        let batch = self.x.shape().first().copied().unwrap_or_default();
        let channels = self.weight.shape().first().copied().unwrap_or_default();
        Array::zeros([batch, outputs, channels], self.x.dtype().promote(self.weight.dtype()))
    }
}
