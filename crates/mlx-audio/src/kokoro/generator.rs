//! From what is to be heard to spectra, and from spectra to sound.
//!
//! Kaneko et al., "iSTFTNet: Fast and Lightweight Mel-Spectrogram Vocoder Incorporating Inverse Short-Time Fourier
//! Transform".

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{Conv1d, Module, Weights, leaky_relu};

use super::config::Istft;
use super::convolution::{Shape, Transposed, convolution, settle};
use super::norm::AdaIn;
use super::source::{Source, WAVES};
use super::spectrum::Spectrum;
use super::weights::floats;
use crate::Result;

/// The generator.
#[derive(Module)]
pub(super) struct Generator {
    source: Source,
    stages: Vec<Stage>,
    conv_post: Conv1d,
    spectrum: Spectrum,
    /// Samples of half a frame.
    samples: i32,
}

/// A step to more and shorter elements.
#[derive(Module)]
struct Stage {
    up: Transposed,
    noise_conv: Conv1d,
    noise_block: WaveBlock,
    blocks: Vec<WaveBlock>,
}

/// Three pairs of convolutions with a periodic activation before each, which are added to what they hear.
#[derive(Module)]
struct WaveBlock {
    steps: Vec<WaveStep>,
}

#[derive(Module)]
struct WaveStep {
    first: Half,
    second: Half,
}

#[derive(Module)]
struct Half {
    norm: AdaIn,
    alpha: Array,
    conv: Conv1d,
}

impl Generator {
    pub(super) fn load(w: &Weights, config: &Istft, style: i32) -> Result<Self> {
        let spectrum = Spectrum::new(config.gen_istft_n_fft, config.gen_istft_hop_size)?;
        let samples = config.upsampling();
        let stages = (0..config.upsample_rates.len()).map(|at| Stage::load(w, config, style, at));
        let last = config.upsample_initial_channel >> config.upsample_rates.len();
        let shape = Shape::same(7, 1);
        Ok(Self {
            source: Source::load(&w.at("m_source"), samples)?,
            stages: stages.collect::<Result<_>>()?,
            conv_post: convolution(&w.at("conv_post"), [2 * spectrum.bins(), last], shape, true)?,
            spectrum,
            samples,
        })
    }

    /// The shape of the noise for so many half frames.
    pub(super) fn noise_shape(&self, halves: usize) -> [i32; 2] {
        [halves as i32 * self.samples, WAVES]
    }

    /// The sound of `x` `[1, halves, channels]`, a voice of such heights: `[halves · samples]`.
    pub(super) fn forward(&self, x: &Array, style: &Array, f0: &[f32], noise: &Array) -> MlxResult<Array> {
        let source = self.spectrum.analyse(&self.source.forward(f0, noise)?)?;
        let mut x = x.clone();
        for (at, stage) in self.stages.iter().enumerate() {
            x = stage.forward(&x, &source, style, at + 1 == self.stages.len())?;
        }
        let x = self.conv_post.forward(&leaky_relu(&x, 0.01)?)?;
        let bins = self.spectrum.bins();
        let (magnitudes, phases) = (x.index((.., .., ..bins))?.exp()?, x.index((.., .., bins..))?.sin()?);
        self.spectrum.synthesise(&magnitudes, &phases)
    }
}

impl Stage {
    fn load(w: &Weights, config: &Istft, style: i32, at: usize) -> Result<Self> {
        let field = |list: &[i32]| list.get(at).copied().unwrap_or(1);
        let (rate, kernel) = (field(&config.upsample_rates), field(&config.upsample_kernel_sizes));
        let (wide, narrow) =
            (config.upsample_initial_channel >> at, config.upsample_initial_channel >> (at + 1));
        let up = Shape { kernel, stride: rate, padding: (kernel - rate) / 2, dilation: 1 };
        // The source has as many elements as the last stage makes.
        let stride: i32 = config.upsample_rates.iter().skip(at + 1).product();
        let is_last = at + 1 == config.upsample_rates.len();
        let (shape, around) = if is_last {
            (Shape::same(1, 1), 11)
        } else {
            (Shape { kernel: 2 * stride, stride, padding: (stride + 1) / 2, dilation: 1 }, 7)
        };
        let bins = config.gen_istft_n_fft + 2;
        let count = config.resblock_kernel_sizes.len();
        let kernels = config.resblock_kernel_sizes.iter().zip(&config.resblock_dilation_sizes);
        let blocks = kernels.enumerate().map(|(block, (&kernel, &dilations))| {
            let w = w.at(format!("resblocks.{}", at * count + block));
            WaveBlock::load(&w, narrow, kernel, dilations, style)
        });
        let noise = w.at(format!("noise_res.{at}"));
        Ok(Self {
            up: Transposed::load(&w.at(format!("ups.{at}")), [narrow, wide], up)?,
            noise_conv: convolution(&w.at(format!("noise_convs.{at}")), [narrow, bins], shape, true)?,
            noise_block: WaveBlock::load(&noise, narrow, around, [1, 3, 5], style)?,
            blocks: blocks.collect::<Result<_>>()?,
        })
    }

    fn forward(&self, x: &Array, source: &Array, style: &Array, is_last: bool) -> MlxResult<Array> {
        let beside = self.noise_block.forward(&self.noise_conv.forward(source)?, style)?;
        let mut x = self.up.forward(&leaky_relu(x, 0.1)?)?;
        if is_last {
            // The spectrum of the source has one more, so the second comes first, too.
            x = concatenate(&[x.index((.., 1..2))?, x], 1)?;
        }
        let x = (x + beside)?;
        let mut sum = None;
        for block in &self.blocks {
            let y = block.forward(&x, style)?;
            sum = Some(match sum {
                Some(sum) => (sum + y)?,
                None => y,
            });
        }
        let mean = (sum.unwrap_or(x) * (1.0 / self.blocks.len().max(1) as f32))?;
        settle(&mean)?;
        Ok(mean)
    }
}

impl WaveBlock {
    fn load(w: &Weights, channels: i32, kernel: i32, dilations: [i32; 3], style: i32) -> Result<Self> {
        let half = |list: usize, at: usize, dilation: i32| -> Result<Half> {
            let alpha = w.at(format!("alpha{list}"));
            Ok(Half {
                norm: AdaIn::load(&w.at(format!("adain{list}.{at}")), channels, style)?,
                alpha: floats(&alpha, &at.to_string(), [1, channels, 1])?.reshape([channels])?,
                conv: convolution(
                    &w.at(format!("convs{list}.{at}")),
                    [channels, channels],
                    Shape::same(kernel, dilation),
                    true,
                )?,
            })
        };
        let step = |(at, dilation): (usize, i32)| -> Result<WaveStep> {
            Ok(WaveStep { first: half(1, at, dilation)?, second: half(2, at, 1)? })
        };
        Ok(Self { steps: dilations.into_iter().enumerate().map(step).collect::<Result<_>>()? })
    }

    /// `[1, length, channels] -> [1, length, channels]`.
    fn forward(&self, x: &Array, style: &Array) -> MlxResult<Array> {
        let mut x = x.clone();
        for WaveStep { first, second } in &self.steps {
            x = (&x + second.forward(&first.forward(&x, style)?, style)?)?;
            settle(&x)?;
        }
        Ok(x)
    }
}

impl Half {
    /// Ziyin et al., "Neural Networks Fail to Learn Periodic Functions and How to Fix It".
    fn forward(&self, x: &Array, style: &Array) -> MlxResult<Array> {
        let x = self.norm.forward(x, style)?;
        let waves = ((&x * &self.alpha)?.sin()?.square()? / &self.alpha)?;
        self.conv.forward(&(x + waves)?)
    }
}
