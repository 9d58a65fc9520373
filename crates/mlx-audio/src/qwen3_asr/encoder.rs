//! From a spectrogram to what the decoder reads in place of tokens.

use mlx_core::fast::Activation;
use mlx_core::{Array, Dtype, Result as MlxResult, concatenate};
use mlx_nn::{LayerNorm, Linear, Module, Weights};

use super::config::AudioConfig;
use super::convolution::{Halving, halved};
use crate::Result;
use crate::whisper::{Layer, LayerSizes, norm, sinusoids};

/// Convolutions that hear a chunk, layers that see several chunks, and layers that make them as wide as the decoder.
#[derive(Module)]
pub(super) struct Encoder {
    conv2d1: Halving,
    conv2d2: Halving,
    conv2d3: Halving,
    conv_out: Linear,
    /// Of the places of a chunk.
    positions: Array,
    layers: Vec<Layer>,
    ln_post: LayerNorm,
    proj1: Linear,
    proj2: Linear,
    mels: i32,
    chunk: i32,
    chunks: i32,
}

impl Encoder {
    pub(super) fn load(w: &Weights, config: &AudioConfig) -> Result<Self> {
        let (width, between) = (config.d_model, config.downsample_hidden_size);
        let sizes = LayerSizes {
            width,
            heads: config.encoder_attention_heads,
            inner: config.encoder_ffn_dim,
            key_bias: true,
        };
        w.ignore(|key| key.contains("positional_embedding"));
        Ok(Self {
            conv2d1: Halving::load(&w.at("conv2d1"), [between, 1])?,
            conv2d2: Halving::load(&w.at("conv2d2"), [between; 2])?,
            conv2d3: Halving::load(&w.at("conv2d3"), [between; 2])?,
            conv_out: w.linear("conv_out", [width, between * eighth(config.num_mel_bins)])?,
            positions: sinusoids(eighth(config.chunk()), width)?,
            layers: w
                .each("layers", config.encoder_layers)
                .map(|w| Layer::load(&w, sizes))
                .collect::<Result<_>>()?,
            ln_post: norm(w, "ln_post", width)?,
            proj1: w.linear_with_bias("proj1", [width, width], true)?,
            proj2: w.linear_with_bias("proj2", [config.output_dim, width], true)?,
            mels: config.num_mel_bins,
            chunk: config.chunk(),
            chunks: config.chunks(),
        })
    }

    /// Frames `[frames, mels]` to vectors `[places, width of the decoder]`, about one for eight frames.
    pub(super) fn forward(&self, frames: &[f32], dtype: Dtype) -> MlxResult<Array> {
        let window = self.mels * self.chunk * self.chunks;
        let windows = frames.chunks(window.unsigned_abs() as usize).map(|frames| {
            let seen = self.window(frames, dtype)?;
            // Memory is that of one window.
            seen.eval()?;
            Ok(seen)
        });
        concatenate(&windows.collect::<MlxResult<Vec<_>>>()?, 0)
    }

    /// As [`forward`](Self::forward), of frames that attention sees together. The last chunk has zeros behind it.
    fn window(&self, frames: &[f32], dtype: Dtype) -> MlxResult<Array> {
        let count = i32::try_from(frames.len()).unwrap_or(i32::MAX) / self.mels;
        let (whole, rest) = (count / self.chunk, count % self.chunk);
        let chunks = whole + i32::from(rest > 0);
        let mut frames = frames.to_vec();
        frames.resize((chunks * self.chunk * self.mels).unsigned_abs() as usize, 0.0);
        let x = Array::from_vec(frames, [chunks, self.chunk, self.mels])?.astype(dtype)?;
        let x = x.transpose([0, 2, 1])?.expand_dims(3)?;
        let x = self.conv2d1.forward(&x)?;
        let x = self.conv2d3.forward(&self.conv2d2.forward(&x)?)?;
        let [_, height, places, between] = x.dims()?;
        let x = x.transpose([0, 2, 3, 1])?.reshape([chunks, places, between * height])?;
        let x = (self.conv_out.forward(&x)? + self.positions.astype(dtype)?)?;
        let real = whole * places + eighth(rest);
        let mut x = x.reshape([1, chunks * places, x.dim(-1)?])?.index((.., ..real))?;
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        let x = self.proj1.forward_then(&self.ln_post.forward(&x)?, Some(Activation::Gelu), None)?;
        self.proj2.forward(&x)?.squeeze(0)
    }
}

/// Places that three convolutions leave of so many.
fn eighth(length: i32) -> i32 {
    halved(halved(halved(length)))
}
