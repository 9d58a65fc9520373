//! Convolutions that make few vectors of many samples, and their mirror image.
//!
//! Tagliasacchi et al., "SEANet: A Multi-modal Speech Enhancement Network"; Défossez et al., "High Fidelity Neural Audio
//! Compression".

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, elu};

use super::lstm::Lstms;
use super::padded::{Manner, PaddedConv, Shape};
use super::reader::Reader;
use super::transposed::Transposed;
use crate::codec::config::{check, product};
use crate::{Error, Result};

/// The sizes of both networks.
pub(crate) struct Plan {
    pub(crate) channels: i32,
    pub(crate) filters: i32,
    pub(crate) hidden: i32,
    /// How much the decoder makes longer, step by step; the encoder goes the other way.
    pub(crate) ratios: Vec<i32>,
    pub(crate) residual_layers: usize,
    pub(crate) kernel: i32,
    pub(crate) last_kernel: i32,
    pub(crate) residual_kernel: i32,
    pub(crate) growth: i32,
    pub(crate) compress: i32,
    pub(crate) lstm_layers: usize,
    pub(crate) shortcut: bool,
    pub(crate) manner: Manner,
}

/// Layers, one after the other.
#[derive(Module)]
pub(crate) struct Seanet {
    layers: Vec<Layer>,
}

#[derive(Module)]
enum Layer {
    Conv(PaddedConv),
    Residual(Block),
    Lstm(Lstms),
    /// `x` above zero, `eˣ - 1` below.
    Elu(#[module(skip)] ()),
    Up(Transposed),
}

/// Two convolutions, added to their input or a convolution of it.
#[derive(Module)]
struct Block {
    wide: PaddedConv,
    narrow: PaddedConv,
    shortcut: Option<PaddedConv>,
}

/// What a stream keeps of each layer, in their order.
#[derive(Default)]
pub(crate) struct Kept {
    parts: Vec<Option<Array>>,
    at: usize,
}

impl Kept {
    /// Begins with the first layer again.
    pub(crate) fn rewind(&mut self) {
        self.at = 0;
    }

    fn next(&mut self) -> &mut Option<Array> {
        let at = self.at;
        self.at += 1;
        if self.parts.len() <= at {
            self.parts.resize(at + 1, None);
        }
        #[expect(clippy::indexing_slicing, reason = "the list was made long enough above")]
        &mut self.parts[at]
    }
}

impl Plan {
    /// Checks that sizes can be multiplied, and gives the samples of a vector.
    pub(crate) fn check(&self) -> Result<i32> {
        let sizes = [
            ("audio_channels", self.channels, 2),
            ("num_filters", self.filters, 1 << 12),
            ("hidden_size", self.hidden, 1 << 16),
            ("num_residual_layers", i32::try_from(self.residual_layers).unwrap_or(i32::MAX), 16),
            ("kernel_size", self.kernel, 1 << 10),
            ("last_kernel_size", self.last_kernel, 1 << 10),
            ("residual_kernel_size", self.residual_kernel, 1 << 10),
            ("dilation_growth_rate", self.growth, 4),
            ("compress", self.compress, self.filters),
        ];
        sizes.into_iter().try_for_each(|(field, size, most)| check(field, size, most))?;
        if !(0.0..=1.0).contains(&self.manner.trim) || (!self.manner.causal && self.manner.trim < 1.0) {
            let problem =
                format!("trim_right_ratio is {}: it must be 1, or less if causal", self.manner.trim);
            return Err(Error::config("config.json", problem));
        }
        product("upsampling_ratios", &self.ratios)
    }

    /// Whether what comes later changes nothing before.
    pub(crate) fn is_causal(&self) -> bool {
        self.manner.causal && !self.manner.norm && self.manner.trim == 1.0
    }

    /// The most places that a kernel reaches over.
    pub(crate) fn longest(&self) -> i32 {
        let residual = (0..self.residual_layers).fold(1, |span: i32, at| {
            span.max((self.residual_kernel - 1).saturating_mul(self.dilation(at)).saturating_add(1))
        });
        self.kernel.max(self.last_kernel).max(residual)
    }

    /// From one place of the kernel to the next in such a residual layer.
    fn dilation(&self, at: usize) -> i32 {
        (0..at).fold(1, |dilation: i32, _| dilation.saturating_mul(self.growth))
    }

    fn conv(&self, r: &Reader, shape: Shape) -> Result<PaddedConv> {
        PaddedConv::load(r, shape, self.manner)
    }

    fn block(&self, r: &Reader, width: i32, at: usize) -> Result<Layer> {
        let inner = width / self.compress;
        let wide = Shape { dilation: self.dilation(at), ..Shape::new([inner, width], self.residual_kernel) };
        let shortcut = || self.conv(&r.at("shortcut"), Shape::new([width, width], 1));
        Ok(Layer::Residual(Block {
            wide: self.conv(&r.at("block.1"), wide)?,
            narrow: self.conv(&r.at("block.3"), Shape::new([width, inner], 1))?,
            shortcut: self.shortcut.then(shortcut).transpose()?,
        }))
    }

    /// Calls `load` with the path of the next layer.
    fn push(
        &self,
        layers: &mut Vec<Layer>,
        r: &Reader,
        load: impl FnOnce(&Reader) -> Result<Layer>,
    ) -> Result<()> {
        let layer = load(&r.at(layers.len()))?;
        layers.push(layer);
        Ok(())
    }

    /// `[1, samples, channels] -> [1, vectors, hidden]`, of the layers under `r`.
    pub(crate) fn encoder(&self, r: &Reader) -> Result<Seanet> {
        let mut layers = Vec::new();
        let first = Shape::new([self.filters, self.channels], self.kernel);
        self.push(&mut layers, r, |r| Ok(Layer::Conv(self.conv(r, first)?)))?;
        let mut width = self.filters;
        for &ratio in self.ratios.iter().rev() {
            for at in 0..self.residual_layers {
                self.push(&mut layers, r, |r| self.block(r, width, at))?;
            }
            layers.push(Layer::Elu(()));
            let down = Shape { stride: ratio, ..Shape::new([2 * width, width], 2 * ratio) };
            self.push(&mut layers, r, |r| Ok(Layer::Conv(self.conv(r, down)?)))?;
            width *= 2;
        }
        self.lstm(&mut layers, r, width)?;
        layers.push(Layer::Elu(()));
        let last = Shape::new([self.hidden, width], self.last_kernel);
        self.push(&mut layers, r, |r| Ok(Layer::Conv(self.conv(r, last)?)))?;
        Ok(Seanet { layers })
    }

    /// `[1, vectors, hidden] -> [1, samples, channels]`, of the layers under `r`.
    pub(crate) fn decoder(&self, r: &Reader) -> Result<Seanet> {
        let mut layers = Vec::new();
        let mut width = self.ratios.iter().fold(self.filters, |width, _| 2 * width);
        let first = Shape::new([width, self.hidden], self.kernel);
        self.push(&mut layers, r, |r| Ok(Layer::Conv(self.conv(r, first)?)))?;
        self.lstm(&mut layers, r, width)?;
        for &ratio in &self.ratios {
            layers.push(Layer::Elu(()));
            let up = |r: &Reader| Transposed::load(r, [width / 2, width], ratio, 1, true, self.manner);
            self.push(&mut layers, r, |r| Ok(Layer::Up(up(r)?)))?;
            width /= 2;
            for at in 0..self.residual_layers {
                self.push(&mut layers, r, |r| self.block(r, width, at))?;
            }
        }
        layers.push(Layer::Elu(()));
        let last = Shape::new([self.channels, width], self.last_kernel);
        self.push(&mut layers, r, |r| Ok(Layer::Conv(self.conv(r, last)?)))?;
        Ok(Seanet { layers })
    }

    fn lstm(&self, layers: &mut Vec<Layer>, r: &Reader, width: i32) -> Result<()> {
        if self.lstm_layers == 0 {
            return Ok(());
        }
        self.push(layers, r, |r| Ok(Layer::Lstm(Lstms::load(r, width, self.lstm_layers)?)))
    }
}

impl Seanet {
    pub(crate) fn forward(&self, x: &Array) -> MlxResult<Array> {
        self.layers.iter().try_fold(x.clone(), |x, layer| match layer {
            Layer::Conv(conv) => conv.forward(&x),
            Layer::Residual(block) => block.forward(&x),
            Layer::Lstm(lstm) => lstm.forward(&x),
            Layer::Elu(()) => elu(&x, 1.0),
            Layer::Up(up) => up.forward(&x),
        })
    }

    /// The same for causal layers, of which the input comes in parts.
    pub(crate) fn step(&self, x: Option<&Array>, kept: &mut Kept, last: bool) -> MlxResult<Option<Array>> {
        self.layers.iter().try_fold(x.cloned(), |x, layer| {
            let x = x.as_ref();
            match layer {
                Layer::Conv(conv) => conv.step(x, kept.next(), last),
                Layer::Residual(block) => block.step(x, kept),
                Layer::Lstm(lstm) => {
                    let state = kept.next();
                    x.map(|x| lstm.step(x, state)).transpose()
                }
                Layer::Elu(()) => x.map(|x| elu(x, 1.0)).transpose(),
                Layer::Up(up) => {
                    let tail = kept.next();
                    x.map(|x| up.step(x, tail)).transpose()
                }
            }
        })
    }
}

impl Block {
    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let inner = self.wide.forward(&elu(x, 1.0)?)?;
        let y = self.narrow.forward(&elu(&inner, 1.0)?)?;
        match &self.shortcut {
            Some(shortcut) => shortcut.forward(x)? + y,
            None => x + y,
        }
    }

    /// Strides are 1, so as much comes out as went in.
    fn step(&self, x: Option<&Array>, kept: &mut Kept) -> MlxResult<Option<Array>> {
        let seen = kept.next();
        let Some(x) = x else { return Ok(None) };
        let Some(inner) = self.wide.step(Some(&elu(x, 1.0)?), seen, false)? else { return Ok(None) };
        let y = self.narrow.forward(&elu(&inner, 1.0)?)?;
        let through = self.shortcut.as_ref().map_or(Ok(x.clone()), |shortcut| shortcut.forward(x))?;
        Ok(Some((through + y)?))
    }
}
