//! Convolutions with a periodic activation between them, as DAC and SNAC have them.
//!
//! Ziyin et al., "Neural Networks Fail to Learn Periodic Functions and How to Fix It".

use mlx_core::{Array, Conv, ConvTranspose, Result as MlxResult};
use mlx_nn::{Conv1d, ConvTranspose1d, Module};

use super::reader::{Channels, Reader};
use crate::Result;

/// `x + sin²(α x) / α`.
#[derive(Module)]
pub(crate) struct Snake {
    alpha: Array,
    over: Array,
}

impl Snake {
    pub(crate) fn load(r: &Reader, name: &str, channels: i32) -> Result<Self> {
        let r = r.at(name);
        let is_last = r.w.shape("alpha") == Some(&[1, 1, channels]);
        let shape = if is_last { [1, 1, channels] } else { [1, channels, 1] };
        let alpha = r.floats("alpha", shape)?.reshape([channels])?;
        Ok(Self { over: (&alpha + 1e-9)?.reciprocal()?, alpha })
    }

    pub(crate) fn forward(&self, x: &Array) -> MlxResult<Array> {
        x + (&self.over * (x * &self.alpha)?.sin()?.square()?)?
    }
}

/// What a family calls the layers of a block.
pub(crate) struct Names {
    /// Snake, convolution, snake, convolution.
    pub(crate) unit: [&'static str; 4],
    /// Three units, a snake, a convolution.
    pub(crate) down: [&'static str; 5],
    /// A snake, a transposed convolution, noise, three units.
    pub(crate) up: [&'static str; 6],
}

/// How many samples on each side a code of an encoder of such strides, or a sample of a decoder, may depend on.
pub(crate) fn reach(down: &[i32], up: &[i32]) -> i32 {
    let units: i32 = DILATIONS.iter().map(|dilation| 3 * dilation).sum();
    let (mut unit, mut encoder) = (1, 3);
    for stride in down {
        encoder += (units + 2 * stride) * unit;
        unit *= stride;
    }
    encoder += 3 * unit;
    let mut unit: i32 = up.iter().product();
    let mut decoder = 3 * unit + 3;
    for stride in up {
        decoder += 2 * unit;
        unit /= stride.max(&1);
        decoder += units * unit;
    }
    encoder.max(decoder)
}

/// Two convolutions, added to their input.
#[derive(Module)]
pub(crate) struct Unit {
    before: Snake,
    wide: Conv1d,
    between: Snake,
    narrow: Conv1d,
}

const DILATIONS: [i32; 3] = [1, 3, 9];

impl Unit {
    fn load(r: &Reader, names: &Names, width: i32, dilation: i32, groups: i32) -> Result<Self> {
        let [before, wide, between, narrow] = names.unit;
        let how = Conv { padding: [3 * dilation], dilation: [dilation], groups, ..Conv::default() };
        Ok(Self {
            before: Snake::load(r, before, width)?,
            wide: r.at(wide).conv([width, width], 7, how, true)?,
            between: Snake::load(r, between, width)?,
            narrow: r.at(narrow).conv([width, width], 1, Conv::default(), true)?,
        })
    }

    fn load_three(r: &Reader, names: &Names, paths: [&str; 3], width: i32, groups: i32) -> Result<Vec<Self>> {
        let each = paths.iter().zip(DILATIONS);
        each.map(|(path, dilation)| Self::load(&r.at(path), names, width, dilation, groups)).collect()
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let inner = self.wide.forward(&self.before.forward(x)?)?;
        x + self.narrow.forward(&self.between.forward(&inner)?)?
    }
}

/// Units, and a convolution that makes one element of every `stride`.
#[derive(Module)]
pub(crate) struct Down {
    units: Vec<Unit>,
    snake: Snake,
    conv: Conv1d,
}

impl Down {
    pub(crate) fn load(
        r: &Reader,
        names: &Names,
        channels: Channels,
        stride: i32,
        groups: i32,
    ) -> Result<Self> {
        let [a, b, c, snake, conv] = names.down;
        let [_, width] = channels;
        let how = Conv { stride: [stride], padding: [(stride + 1) / 2], ..Conv::default() };
        Ok(Self {
            units: Unit::load_three(r, names, [a, b, c], width, groups)?,
            snake: Snake::load(r, snake, width)?,
            conv: r.at(conv).conv(channels, 2 * stride, how, true)?,
        })
    }

    pub(crate) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let x = self.units.iter().try_fold(x.clone(), |x, unit| unit.forward(&x))?;
        self.conv.forward(&self.snake.forward(&x)?)
    }
}

/// A transposed convolution that makes `stride` elements of every one, and units.
#[derive(Module)]
pub(crate) struct Up {
    snake: Snake,
    conv: ConvTranspose1d,
    noise: Option<Conv1d>,
    units: Vec<Unit>,
}

/// How [`Up`] is to be read.
#[derive(Clone, Copy)]
pub(crate) struct UpShape {
    pub(crate) channels: Channels,
    pub(crate) stride: i32,
    pub(crate) groups: i32,
    pub(crate) noise: bool,
    /// Whether an odd stride gives its whole length, too.
    pub(crate) whole: bool,
}

impl Up {
    pub(crate) fn load(r: &Reader, names: &Names, shape: UpShape) -> Result<Self> {
        let UpShape { channels, stride, groups, noise, whole } = shape;
        let [snake, conv, noisy, a, b, c] = names.up;
        let [outputs, inputs] = channels;
        let extra = if whole { stride % 2 } else { 0 };
        let how = ConvTranspose {
            stride: [stride],
            padding: [(stride + 1) / 2],
            output_padding: [extra],
            ..ConvTranspose::default()
        };
        let loud = || r.at(noisy).conv([outputs, outputs], 1, Conv::default(), false);
        Ok(Self {
            snake: Snake::load(r, snake, inputs)?,
            conv: r.at(conv).conv_transpose(channels, 2 * stride, how, true)?,
            noise: noise.then(loud).transpose()?,
            units: Unit::load_three(r, names, [a, b, c], outputs, groups)?,
        })
    }

    /// `noise` gives so many numbers, by which what the noise block makes is multiplied.
    pub(crate) fn forward(
        &self,
        x: &Array,
        noise: &mut dyn FnMut(i32) -> MlxResult<Array>,
    ) -> MlxResult<Array> {
        let mut x = self.conv.forward(&self.snake.forward(x)?)?;
        if let Some(loud) = &self.noise {
            let length = x.dim(1)?;
            let noise = noise(length)?.reshape([1, length, 1])?;
            x = (&x + (noise * loud.forward(&x)?)?)?;
        }
        self.units.iter().try_fold(x, |x, unit| unit.forward(&x))
    }
}
