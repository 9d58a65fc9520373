//! DAC, the codec of Descript.
//!
//! Kumar et al., "High-Fidelity Audio Compression with Improved RVQGAN".

use mlx_core::{Array, Conv, stack};
use mlx_nn::{Conv1d, Module, Weights};
use serde::Deserialize;
use serde_json::Value;

use super::config::{check, product, read};
use super::nearby::{Nearby, Reach};
use super::part::factorized::{self, Factorized, Sizes};
use super::part::reader::Reader;
use super::part::snake::{Down, Names, Snake, Up, UpShape, reach};
use super::{Codec, Codes, Facts, Options, Stream, cut, div_ceil, no_noise, padded, whole};
use crate::{Error, Result};

/// Field names of transformers, and those of the original.
#[derive(Deserialize)]
struct Config {
    #[serde(alias = "encoder_dim")]
    encoder_hidden_size: i32,
    #[serde(alias = "encoder_rates")]
    downsampling_ratios: Vec<i32>,
    #[serde(alias = "decoder_dim")]
    decoder_hidden_size: i32,
    #[serde(alias = "decoder_rates")]
    upsampling_ratios: Option<Vec<i32>>,
    #[serde(alias = "latent_dim")]
    hidden_size: Option<i32>,
    n_codebooks: i32,
    codebook_size: i32,
    codebook_dim: i32,
    #[serde(alias = "sample_rate")]
    sampling_rate: u32,
}

/// What a checkpoint calls the layers.
struct Layers {
    blocks: Names,
    /// The first and last convolution, and the snake before that, of encoder and decoder.
    encoder: [String; 3],
    decoder: [String; 3],
    /// The lists of blocks, and the number of the first.
    lists: [&'static str; 2],
    first: usize,
}

/// The codec.
#[derive(Module)]
pub(super) struct Dac {
    first: Conv1d,
    down: Vec<Down>,
    down_snake: Snake,
    last: Conv1d,
    quantizer: Vec<Factorized>,
    decoder_first: Conv1d,
    up: Vec<Up>,
    up_snake: Snake,
    decoder_last: Conv1d,
    #[module(skip)]
    facts: Facts,
    /// Samples of a vector.
    hop: i32,
    /// None where the decoder makes another number of samples of a vector.
    #[module(skip)]
    reach: Option<Reach>,
}

impl Layers {
    /// The names of transformers, or those of the original where the checkpoint has them.
    fn of(w: &Weights, down: usize, up: usize) -> Self {
        if w.contains("encoder.conv1.weight") {
            let own = |side: &str| ["conv1", "snake1", "conv2"].map(|layer| format!("{side}.{layer}"));
            return Self {
                blocks: Names {
                    unit: ["snake1", "conv1", "snake2", "conv2"],
                    down: ["res_unit1", "res_unit2", "res_unit3", "snake1", "conv1"],
                    up: ["snake1", "conv_t1", "noise", "res_unit1", "res_unit2", "res_unit3"],
                },
                encoder: own("encoder"),
                decoder: own("decoder"),
                lists: ["encoder.block", "decoder.block"],
                first: 0,
            };
        }
        // MLX keeps the layers of a sequence in a list of their own.
        let mlx = w.contains("encoder.block.layers.0.weight");
        let lists = if mlx {
            ["encoder.block.layers", "decoder.model.layers"]
        } else {
            ["encoder.block", "decoder.model"]
        };
        let [encoder, decoder] = lists;
        let own = |list: &str, count: usize| [0, count + 1, count + 2].map(|at| format!("{list}.{at}"));
        Self {
            blocks: super::sequences(mlx, false),
            encoder: own(encoder, down),
            decoder: own(decoder, up),
            lists,
            first: 1,
        }
    }
}

impl Config {
    fn check(&self, up: &[i32]) -> Result<i32> {
        let hop = product("downsampling_ratios", &self.downsampling_ratios)?;
        product("upsampling_ratios", up)?;
        for (field, size, most) in [
            ("encoder_hidden_size", self.encoder_hidden_size, 1 << 12),
            ("decoder_hidden_size", self.decoder_hidden_size, 1 << 16),
            ("hidden_size", self.hidden_size.unwrap_or(1), 1 << 16),
            ("n_codebooks", self.n_codebooks, 1024),
            ("codebook_size", self.codebook_size, 1 << 20),
            ("codebook_dim", self.codebook_dim, 1 << 12),
        ] {
            check(field, size, most)?;
        }
        if self.decoder_hidden_size >> up.len() < 1 {
            let problem = "decoder_hidden_size cannot be halved as often as there are upsampling_ratios";
            return Err(Error::config("config.json", problem));
        }
        Ok(hop)
    }
}

impl Dac {
    pub(super) fn load(w: &Weights, config: &Value) -> Result<Self> {
        let config: Config = read(config)?;
        let ratios = &config.downsampling_ratios;
        let up = config.upsampling_ratios.clone().unwrap_or_else(|| ratios.iter().rev().copied().collect());
        let hop = config.check(&up)?;
        let layers = Layers::of(w, ratios.len(), up.len());
        let [first, down_snake, last] = &layers.encoder;
        let [decoder_first, up_snake, decoder_last] = &layers.decoder;
        let [downs, ups] = layers.lists;
        let r = Reader::new(w, first, 1, 7);
        let (narrow, top) = (config.encoder_hidden_size, config.decoder_hidden_size);
        let wide = narrow << ratios.len();
        let hidden = config.hidden_size.unwrap_or(wide);
        let conv = |name: &str, channels, kernel: i32| {
            r.at(name).conv(channels, kernel, Conv { padding: [kernel / 2], ..Conv::default() }, true)
        };
        let down = |(at, &stride): (usize, &i32)| {
            let channels = [narrow << (at + 1), narrow << at];
            Down::load(&r.at(format!("{downs}.{}", layers.first + at)), &layers.blocks, channels, stride, 1)
        };
        let raise = |(at, &stride): (usize, &i32)| {
            let channels = [top >> (at + 1), top >> at];
            let shape = UpShape { channels, stride, groups: 1, noise: false, whole: false };
            Up::load(&r.at(format!("{ups}.{}", layers.first + at)), &layers.blocks, shape)
        };
        let sizes = Sizes { width: hidden, codes: config.codebook_size, code_width: config.codebook_dim };
        let quantizer = |at| Factorized::load(&r.at(format!("quantizer.quantizers.{at}")), sizes, 1);
        Ok(Self {
            first: conv(first, [narrow, 1], 7)?,
            down: ratios.iter().enumerate().map(down).collect::<Result<_>>()?,
            down_snake: Snake::load(&r, down_snake, wide)?,
            last: conv(last, [hidden, wide], 3)?,
            quantizer: (0..config.n_codebooks).map(quantizer).collect::<Result<_>>()?,
            decoder_first: conv(decoder_first, [top, hidden], 7)?,
            up: up.iter().enumerate().map(raise).collect::<Result<_>>()?,
            up_snake: Snake::load(&r, up_snake, top >> up.len())?,
            decoder_last: conv(decoder_last, [1, top >> up.len()], 7)?,
            facts: Facts {
                sample_rate: config.sampling_rate,
                channels: 1,
                codebooks: config.n_codebooks as usize,
                codebook_size: config.codebook_size,
            },
            hop,
            reach: (up.iter().product::<i32>() == hop).then(|| {
                let groups = div_ceil(reach(ratios, &up), hop) + 1;
                Reach { samples: hop, codes: vec![1], groups: groups as usize }
            }),
        })
    }
}

impl Codec for Dac {
    fn facts(&self) -> Facts {
        self.facts
    }

    /// The last vector is of samples and silence, if they are not a multiple of its length.
    fn encode(&self, audio: &Array, options: Options) -> Result<Codes> {
        let (audio, books) = (whole(audio, 1)?, options.books(self.facts.codebooks)?);
        let samples = audio.dim(1)?;
        let x = self.first.forward(&padded(&audio, self.hop)?)?;
        let x = self.down.iter().try_fold(x, |x, block| block.forward(&x))?;
        let vectors = self.last.forward(&self.down_snake.forward(&x)?)?;
        let books = self.quantizer.get(..books).unwrap_or_default();
        let codes = factorized::encode(books, &vectors)?;
        Ok(Codes::new(stack(&codes, 0)?).with_samples(Some(samples)))
    }

    fn decode(&self, codes: &Codes) -> Result<Array> {
        let checked = codes.check(1, self.facts.codebooks, self.facts.codebook_size)?;
        let rows =
            checked.iter().map(|codes| codes.unstack(0)).collect::<mlx_core::Result<Vec<_>>>()?.concat();
        let vectors = factorized::decode(&self.quantizer, &rows)?
            .ok_or_else(|| Error::option("codebooks", 0, "there must be at least one"))?;
        let x = self.decoder_first.forward(&vectors)?;
        let x = self.up.iter().try_fold(x, |x, block| block.forward(&x, &mut no_noise))?;
        let audio = self.decoder_last.forward(&self.up_snake.forward(&x)?)?.tanh()?;
        cut(&audio, codes.samples())
    }

    fn stream(&self, options: Options) -> Result<Box<dyn Stream + '_>> {
        options.books(self.facts.codebooks)?;
        Nearby::start(self, options, self.reach.as_ref())
    }
}
