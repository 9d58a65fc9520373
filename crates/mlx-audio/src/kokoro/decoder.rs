//! From phonemes in time, with height and loudness, to sound.

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{Conv1d, Module, Weights};

use super::block::StyleBlock;
use super::config::Config;
use super::convolution::{Shape, convolution, settle};
use super::generator::Generator;
use super::weights::first_length;
use crate::Result;

/// The decoder.
#[derive(Module)]
pub(super) struct Decoder {
    f0_conv: Conv1d,
    energy_conv: Conv1d,
    asr_res: Conv1d,
    encode: StyleBlock,
    decode: Vec<StyleBlock>,
    generator: Generator,
}

/// What was said in time, and by what voice.
pub(super) struct Heard<'a> {
    /// `[1, frames, hidden]`.
    pub(super) text: &'a Array,
    /// The height of each half frame, in Hz.
    pub(super) f0: &'a [f32],
    /// The loudness of each half frame.
    pub(super) energy: &'a [f32],
    /// `[1, style]`.
    pub(super) style: &'a Array,
}

const BLOCKS: usize = 4;

impl Decoder {
    pub(super) fn load(w: &Weights, config: &Config) -> Result<Self> {
        let (hidden, style) = (config.hidden_dim, config.style_dim);
        // Widths that no config tells.
        let wide = first_length(w, "encode.conv1.weight", 1024);
        let beside = first_length(w, "asr_res.0.weight", 64);
        let halved = Shape { kernel: 3, stride: 2, padding: 1, dilation: 1 };
        let curve = |name: &str| convolution(&w.at(name), [1, 1], halved, true);
        let block = |at: usize| {
            let is_last = at + 1 == BLOCKS;
            let outputs = if is_last { config.istftnet.upsample_initial_channel } else { wide };
            let channels = [outputs, wide + beside + 2];
            StyleBlock::load(&w.at(format!("decode.{at}")), channels, style, is_last)
        };
        Ok(Self {
            f0_conv: curve("F0_conv")?,
            energy_conv: curve("N_conv")?,
            asr_res: convolution(&w.at("asr_res.0"), [beside, hidden], Shape::same(1, 1), true)?,
            encode: StyleBlock::load(&w.at("encode"), [wide, hidden + 2], style, false)?,
            decode: (0..BLOCKS).map(block).collect::<Result<_>>()?,
            generator: Generator::load(&w.at("generator"), &config.istftnet, style)?,
        })
    }

    /// The shape of the noise that [`forward`](Self::forward) takes for so many half frames.
    pub(super) fn noise_shape(&self, halves: usize) -> [i32; 2] {
        self.generator.noise_shape(halves)
    }

    /// The samples of what was heard: `[2 · frames · samples of half a frame]`.
    pub(super) fn forward(&self, heard: &Heard<'_>, noise: &Array) -> MlxResult<Array> {
        let Heard { text, style, .. } = heard;
        let curve = |values: &[f32], conv: &Conv1d| {
            conv.forward(&Array::from_slice(values, [1, values.len() as i32, 1])?)
        };
        let height = curve(heard.f0, &self.f0_conv)?;
        let loudness = curve(heard.energy, &self.energy_conv)?;
        let beside = self.asr_res.forward(text)?;
        let mut x = concatenate([text, &height, &loudness], -1)?;
        x = self.encode.forward(&x, style)?;
        for block in &self.decode {
            x = block.forward(&concatenate([&x, &beside, &height, &loudness], -1)?, style)?;
            settle(&x)?;
        }
        self.generator.forward(&x, style, heard.f0, noise)
    }
}
