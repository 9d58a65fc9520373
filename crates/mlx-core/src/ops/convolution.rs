//! Convolutions. Arrays are channels-last: `[batch, …, channels]`, weights `[out, …, channels / groups]`.

use crate::ffi::raw;
use crate::{Array, Error, Kind, Result, Slice, cpu};

/// MLX multiplies two of stride and dilations in 32 bits.
const GREATEST_STEP: i32 = i16::MAX as i32;

/// How [`Array::conv1d`] to [`Array::conv3d`] go over an array of `N` spatial axes.
///
/// ```
/// use mlx_core::{Array, Conv, Dtype};
///
/// let x = Array::ones([1, 8, 8, 3], Dtype::Float32)?;
/// let weight = Array::ones([16, 3, 3, 3], Dtype::Float32)?;
/// let y = x.conv2d(&weight, Conv { stride: [2, 2], padding: [1, 1], ..Conv::default() })?;
/// assert_eq!(y.shape(), [1, 4, 4, 16]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv<const N: usize> {
    /// Steps between outputs.
    pub stride: [i32; N],
    /// Zeros on both sides.
    pub padding: [i32; N],
    /// Distance between the places of the kernel.
    pub dilation: [i32; N],
    /// Parts of the channels that do not mix; more than one needs one or two spatial axes.
    pub groups: i32,
}

impl<const N: usize> Default for Conv<N> {
    fn default() -> Self {
        Self { stride: [1; N], padding: [0; N], dilation: [1; N], groups: 1 }
    }
}

/// How [`Array::conv_transpose1d`] to [`Array::conv_transpose3d`] spread an array of `N` spatial axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvTranspose<const N: usize> {
    /// Distance between inputs in the output.
    pub stride: [i32; N],
    /// What is cut from both sides.
    pub padding: [i32; N],
    /// Distance between the places of the kernel.
    pub dilation: [i32; N],
    /// What is added at the end.
    pub output_padding: [i32; N],
    /// Parts of the channels that do not mix; more than one needs one or two spatial axes.
    pub groups: i32,
}

impl<const N: usize> Default for ConvTranspose<N> {
    fn default() -> Self {
        Self { stride: [1; N], padding: [0; N], dilation: [1; N], output_padding: [0; N], groups: 1 }
    }
}

/// All that [`Array::conv_general`] can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvGeneral<const N: usize> {
    /// Steps between outputs.
    pub stride: [i32; N],
    /// Zeros before the input; a negative number cuts.
    pub padding_lo: [i32; N],
    /// Zeros after the input; a negative number cuts.
    pub padding_hi: [i32; N],
    /// Distance between the places of the kernel.
    pub kernel_dilation: [i32; N],
    /// Distance between the elements of the input.
    pub input_dilation: [i32; N],
    /// Parts of the channels that do not mix; more than one needs one or two spatial axes.
    pub groups: i32,
    /// Turn the kernel around, as a convolution in the mathematical sense does.
    pub flip: bool,
}

impl<const N: usize> Default for ConvGeneral<N> {
    fn default() -> Self {
        Conv::default().into()
    }
}

impl<const N: usize> From<Conv<N>> for ConvGeneral<N> {
    fn from(conv: Conv<N>) -> Self {
        let Conv { stride, padding, dilation, groups } = conv;
        Self {
            stride,
            padding_lo: padding,
            padding_hi: padding,
            kernel_dilation: dilation,
            input_dilation: [1; N],
            groups,
            flip: false,
        }
    }
}

/// Which sums of [`Array::convolve`] are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvolveMode {
    /// All with at least one pair.
    Full,
    /// As many as the longer array has, in the middle.
    Same,
    /// Those where the shorter array lies within the longer.
    Valid,
}

impl Array {
    /// Convolution of `[batch, length, channels]` with `weight` `[out, kernel, channels / groups]`.
    #[track_caller]
    pub fn conv1d(&self, weight: &Self, conv: Conv<1>) -> Result<Self> {
        if let Some(done) = self.conv_otherwise(weight, conv.into(), "conv1d")? {
            return Ok(done);
        }
        let Conv { stride: [stride], padding: [padding], dilation: [dilation], groups } = conv;
        raw::conv1d(self, weight, stride, padding, dilation, groups)
    }

    /// Convolution of `[batch, height, width, channels]` with `weight` `[out, …, channels / groups]`.
    #[track_caller]
    pub fn conv2d(&self, weight: &Self, conv: Conv<2>) -> Result<Self> {
        if let Some(done) = self.conv_otherwise(weight, conv.into(), "conv2d")? {
            return Ok(done);
        }
        let Conv { stride: s, padding: p, dilation: d, groups } = conv;
        let ([s0, s1], [p0, p1], [d0, d1]) = (s, p, d);
        raw::conv2d(self, weight, s0, s1, p0, p1, d0, d1, groups)
    }

    /// Convolution of `[batch, depth, height, width, channels]` with `weight` `[out, …, channels]`.
    #[track_caller]
    pub fn conv3d(&self, weight: &Self, conv: Conv<3>) -> Result<Self> {
        if let Some(done) = self.conv_otherwise(weight, conv.into(), "conv3d")? {
            return Ok(done);
        }
        let Conv { stride: s, padding: p, dilation: d, groups } = conv;
        let ([s0, s1, s2], [p0, p1, p2], [d0, d1, d2]) = (s, p, d);
        raw::conv3d(self, weight, s0, s1, s2, p0, p1, p2, d0, d1, d2, groups)
    }

    /// The transpose of [`conv1d`](Self::conv1d), which spreads each element over the kernel.
    #[track_caller]
    pub fn conv_transpose1d(&self, weight: &Self, conv: ConvTranspose<1>) -> Result<Self> {
        let general = conv.general(spatial(weight, "conv_transpose1d")?);
        if let Some(done) = self.conv_otherwise(weight, general, "conv_transpose1d")? {
            return Ok(done);
        }
        let ConvTranspose { stride: [s], padding: [p], dilation: [d], output_padding: [o], groups } = conv;
        raw::conv_transpose1d(self, weight, s, p, d, o, groups)
    }

    /// The transpose of [`conv2d`](Self::conv2d), which spreads each element over the kernel.
    #[track_caller]
    pub fn conv_transpose2d(&self, weight: &Self, conv: ConvTranspose<2>) -> Result<Self> {
        let general = conv.general(spatial(weight, "conv_transpose2d")?);
        if let Some(done) = self.conv_otherwise(weight, general, "conv_transpose2d")? {
            return Ok(done);
        }
        let ConvTranspose { stride: s, padding: p, dilation: d, output_padding: o, groups } = conv;
        let ([s0, s1], [p0, p1], [d0, d1], [o0, o1]) = (s, p, d, o);
        raw::conv_transpose2d(self, weight, s0, s1, p0, p1, d0, d1, o0, o1, groups)
    }

    /// The transpose of [`conv3d`](Self::conv3d), which spreads each element over the kernel.
    #[track_caller]
    pub fn conv_transpose3d(&self, weight: &Self, conv: ConvTranspose<3>) -> Result<Self> {
        let general = conv.general(spatial(weight, "conv_transpose3d")?);
        if let Some(done) = self.conv_otherwise(weight, general, "conv_transpose3d")? {
            return Ok(done);
        }
        let ConvTranspose { stride: s, padding: p, dilation: d, output_padding: o, groups } = conv;
        let ([s0, s1, s2], [p0, p1, p2], [d0, d1, d2], [o0, o1, o2]) = (s, p, d, o);
        raw::conv_transpose3d(self, weight, s0, s1, s2, p0, p1, p2, d0, d1, d2, o0, o1, o2, groups)
    }

    /// Convolution over one to three spatial axes, with a padding of its own on each side and a dilated input.
    #[track_caller]
    pub fn conv_general<const N: usize>(&self, weight: &Self, conv: ConvGeneral<N>) -> Result<Self> {
        if let Some(done) = self.conv_otherwise(weight, conv, "conv_general")? {
            return Ok(done);
        }
        raw::conv_general(
            self,
            weight,
            &conv.stride,
            &conv.padding_lo,
            &conv.padding_hi,
            &conv.kernel_dilation,
            &conv.input_dilation,
            conv.groups,
            conv.flip,
        )
    }

    /// The convolution by a kernel, or of an array that is cut, dilated and padded first; none if MLX's own op does it.
    #[track_caller]
    fn conv_otherwise<const N: usize>(
        &self,
        weight: &Self,
        conv: ConvGeneral<N>,
        op: &'static str,
    ) -> Result<Option<Self>> {
        let is_plain = check(self, weight, &conv, op)?;
        match cpu::convolution(self, weight, &conv) {
            Some(result) => result.map(Some),
            None if is_plain => Ok(None),
            None => self.conv_spread(weight, conv).map(Some),
        }
    }

    /// The same convolution of an array that is cut, dilated and padded first.
    #[track_caller]
    fn conv_spread<const N: usize>(&self, weight: &Self, conv: ConvGeneral<N>) -> Result<Self> {
        let cut = |n: i32| n.saturating_neg().max(0);
        let starts = [&[0][..], &conv.padding_lo.map(cut), &[0]].concat();
        let tail = [&[0][..], &conv.padding_hi.map(cut), &[0]].concat();
        let ends: Vec<_> = self.shape().iter().zip(tail).map(|(length, cut)| length - cut).collect();
        let cut = raw::slice(self, &starts, &ends, &vec![1; N + 2])?;
        let sides = conv.padding_lo.into_iter().zip(conv.padding_hi);
        let widths: Vec<_> =
            (1..).zip(sides).map(|(axis, (low, high))| (axis, low.max(0), high.max(0))).collect();
        let padded = cut.dilated(conv.input_dilation)?.pad(widths, 0)?;
        let plain = ConvGeneral { padding_lo: [0; N], padding_hi: [0; N], input_dilation: [1; N], ..conv };
        padded.conv_general(weight, plain)
    }

    /// Zeros between the elements of the spatial axes.
    #[track_caller]
    fn dilated<const N: usize>(&self, distances: [i32; N]) -> Result<Self> {
        let mut out = self.clone();
        for (distance, axis) in distances.into_iter().zip(1..) {
            if distance > 1 {
                let wide = out.expand_dims(axis + 1)?.pad([(axis + 1, 0, distance - 1)], 0)?;
                let flat = wide.flatten(axis, axis + 1)?;
                out = flat.split_at([flat.dim(axis)? - distance + 1], axis)?.swap_remove(0);
            }
        }
        Ok(out)
    }

    /// The discrete convolution of two one-dimensional arrays, as NumPy's `convolve` has it.
    #[track_caller]
    pub fn convolve(&self, other: &Self, mode: ConvolveMode) -> Result<Self> {
        if self.ndim() != 1 || other.ndim() != 1 || self.size() == 0 || other.size() == 0 {
            let (a, b) = (self.shape(), other.shape());
            let message = format!("takes two arrays of one axis with elements, not shapes {a:?} and {b:?}");
            return Err(Error::new(Kind::Shape, "convolve", message));
        }
        let (long, short) = if self.size() < other.size() { (other, self) } else { (self, other) };
        let reach = short.dim(0)? - 1;
        let (before, after) = match mode {
            ConvolveMode::Full => (reach, reach),
            ConvolveMode::Same => (reach - reach / 2, reach / 2),
            ConvolveMode::Valid => (0, 0),
        };
        let kernel = short.index(Slice::step_by(.., -1))?.reshape([1, -1, 1])?;
        let sides = ConvGeneral { padding_lo: [before], padding_hi: [after], ..ConvGeneral::default() };
        long.reshape([1, -1, 1])?.conv_general(&kernel, sides)?.reshape([-1])
    }
}

impl<const N: usize> ConvTranspose<N> {
    /// The convolution that MLX makes of this for a kernel of these lengths.
    fn general(&self, kernel: [i32; N]) -> ConvGeneral<N> {
        let clamped = |length: i64| length.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        let reach = |axis: usize| -> Option<[i64; 2]> {
            let (dilation, length) = (*self.dilation.get(axis)?, *kernel.get(axis)?);
            let low = i64::from(dilation) * (i64::from(length) - 1) - i64::from(*self.padding.get(axis)?);
            Some([low, low + i64::from(*self.output_padding.get(axis)?)])
        };
        let reaches: [[i64; 2]; N] = std::array::from_fn(|axis| reach(axis).unwrap_or_default());
        ConvGeneral {
            stride: [1; N],
            padding_lo: reaches.map(|[low, _]| clamped(low)),
            padding_hi: reaches.map(|[_, high]| clamped(high)),
            kernel_dilation: self.dilation,
            input_dilation: self.stride,
            groups: self.groups,
            flip: true,
        }
    }
}

/// The spatial lengths of an input or a weight.
#[track_caller]
fn spatial<const N: usize>(array: &Array, op: &'static str) -> Result<[i32; N]> {
    let shape = array.shape();
    let lengths = match shape {
        [_, lengths @ .., _] => <[i32; N]>::try_from(lengths).ok(),
        _ => None,
    };
    match lengths {
        Some(lengths) => Ok(lengths),
        None => refuse(op, format!("takes {} axes, not shape {shape:?}", N + 2)),
    }
}

#[track_caller]
fn refuse<T>(op: &'static str, message: String) -> Result<T> {
    Err(Error::new(Kind::Shape, op, message))
}

/// Checks what MLX divides by, and that its integers hold all lengths. Whether MLX's op takes the array as it is, see
/// [`Line::is_plain`].
#[track_caller]
fn check<const N: usize>(
    input: &Array,
    weight: &Array,
    conv: &ConvGeneral<N>,
    op: &'static str,
) -> Result<bool> {
    let (lengths, kernel): ([i32; N], [i32; N]) = (spatial(input, op)?, spatial(weight, op)?);
    if conv.groups < 1 {
        return refuse(op, format!("{} groups: there is at least one", conv.groups));
    }
    let channels = input.shape().last().copied().unwrap_or_default();
    if channels == 0 || weight.shape().contains(&0) || lengths.contains(&0) {
        let (input, weight) = (input.shape(), weight.shape());
        return refuse(op, format!("input {input:?} or weight {weight:?} has a length of 0"));
    }
    for positive in [conv.stride, conv.kernel_dilation, conv.input_dilation] {
        if let Some(wrong) = positive.iter().find(|n| !(1..=GREATEST_STEP).contains(*n)) {
            return refuse(
                op,
                format!("strides and dilations lie between 1 and {GREATEST_STEP}, not at {wrong}"),
            );
        }
    }
    let mut padded = vec![input.shape().first().copied().unwrap_or_default()];
    let mut windows = padded.clone();
    let mut is_plain = true;
    for axis in 0..N {
        let line = conv.line(axis, &lengths, &kernel);
        let Some((line, (length, places))) = line.and_then(|line| Some((line, line.extent()?))) else {
            return refuse(
                op,
                format!("{conv:?} does not fit axis {axis} of input {lengths:?}, kernel {kernel:?}"),
            );
        };
        padded.push(length);
        windows.push(places);
        is_plain &= line.is_plain();
    }
    padded.push(channels);
    windows.extend(kernel);
    windows.push(channels);
    let dtype = input.dtype();
    if dtype.bytes_of(&padded).is_none() || dtype.bytes_of(&windows).is_none() {
        return refuse(op, format!("{conv:?} makes more of input {lengths:?} than fits in memory"));
    }
    Ok(is_plain)
}

/// One spatial axis.
#[derive(Clone, Copy)]
struct Line {
    /// The length of the input that is not cut.
    length: i64,
    low: i64,
    high: i64,
    stride: i64,
    input_dilation: i64,
    /// From the first place of the kernel to its last.
    span: i64,
}

impl<const N: usize> ConvGeneral<N> {
    /// `None` if the padding cuts the whole axis.
    fn line(&self, axis: usize, lengths: &[i32; N], kernel: &[i32; N]) -> Option<Line> {
        let of = |list: &[i32; N]| list.get(axis).map(|&n| i64::from(n));
        let (low, high) = (of(&self.padding_lo)?, of(&self.padding_hi)?);
        let length = of(lengths)? + low.min(0) + high.min(0);
        let line = Line {
            length,
            low: low.max(0),
            high: high.max(0),
            stride: of(&self.stride)?,
            input_dilation: of(&self.input_dilation)?,
            span: 1 + of(&self.kernel_dilation)? * (of(kernel)? - 1),
        };
        if length < 1 { None } else { Some(line) }
    }
}

impl Line {
    fn padded(&self) -> i64 {
        1 + self.input_dilation * (self.length - 1) + self.low + self.high
    }

    fn places(&self) -> i64 {
        (self.padded() - self.span) / self.stride + 1
    }

    /// The length with its padding, and how many outputs there are; `None` if a kernel does not fit in, or a length
    /// in 32 bits.
    fn extent(&self) -> Option<(i32, i32)> {
        if self.padded() < self.span {
            return None;
        }
        Some((self.padded().try_into().ok()?, self.places().try_into().ok()?))
    }

    /// Whether MLX does this without an error, forwards and backwards.
    ///
    /// It writes as many outputs as see padding before the input, though there may be fewer in all. Its gradients
    /// have a wrong length where padding reaches beyond the kernel or differs between the sides, and where
    /// elements that no output sees lie in a dilated input.
    fn is_plain(&self) -> bool {
        let overruns = |low: i64, stride: i64, places: i64| low > 0 && (low - 1) / stride >= places;
        let back = self.span - 1 - self.low;
        let unseen = (self.padded() - self.span) % self.stride;
        back >= 0
            && (0..self.input_dilation).contains(&(self.high - self.low))
            && (self.input_dilation == 1 || unseen <= self.high)
            && !overruns(self.low, self.stride, self.places())
            && !overruns(back, self.input_dilation, self.length)
    }
}
