//! SNAC, whose codebooks have rates of their own.
//!
//! Siuzdak et al., "SNAC: Multi-Scale Neural Audio Codec".

mod attention;

use mlx_core::random::Key;
use mlx_core::{Array, Conv, Dtype, Result as MlxResult};
use mlx_nn::{Conv1d, Module, Weights};
use serde::Deserialize;
use serde_json::Value;

use self::attention::LocalAttention;
use super::config::{check, product, read};
use super::nearby::{Nearby, Reach};
use super::part::factorized::{self, Factorized, Sizes};
use super::part::reader::Reader;
use super::part::snake::{Down, Snake, Up, UpShape, reach};
use super::{Codec, Codes, Facts, Options, Stream, cut, div_ceil, padded, sequences, whole};
use crate::{Error, Result};

#[derive(Deserialize)]
struct Config {
    sampling_rate: u32,
    encoder_dim: i32,
    encoder_rates: Vec<i32>,
    latent_dim: Option<i32>,
    decoder_dim: i32,
    decoder_rates: Vec<i32>,
    attn_window_size: Option<i32>,
    codebook_size: i32,
    codebook_dim: i32,
    vq_strides: Vec<i32>,
    #[serde(default = "yes")]
    noise: bool,
    #[serde(default = "yes")]
    depthwise: bool,
}

fn yes() -> bool {
    true
}

/// The codec.
#[derive(Module)]
pub(super) struct Snac {
    first: Conv1d,
    down: Vec<Down>,
    attention: Option<LocalAttention>,
    last: Conv1d,
    quantizer: Vec<Factorized>,
    decoder_first: Vec<Conv1d>,
    decoder_attention: Option<LocalAttention>,
    up: Vec<Up>,
    snake: Snake,
    decoder_last: Conv1d,
    #[module(skip)]
    facts: Facts,
    /// Samples of a vector.
    hop: i32,
    /// Vectors that go together: those of the rarest code, and of a window.
    unit: i32,
    /// None where the decoder makes another number of samples of a vector.
    #[module(skip)]
    reach: Option<Reach>,
}

impl Config {
    fn check(&self) -> Result<i32> {
        let hop = product("encoder_rates", &self.encoder_rates)?;
        product("decoder_rates", &self.decoder_rates)?;
        product("vq_strides", &self.vq_strides)?;
        for (field, size, most) in [
            ("encoder_dim", self.encoder_dim, 1 << 12),
            ("decoder_dim", self.decoder_dim, 1 << 16),
            ("latent_dim", self.latent_dim.unwrap_or(1), 1 << 16),
            ("attn_window_size", self.attn_window_size.unwrap_or(1), 1 << 12),
            ("codebook_size", self.codebook_size, 1 << 20),
            ("codebook_dim", self.codebook_dim, 1 << 12),
        ] {
            check(field, size, most)?;
        }
        if self.decoder_dim >> self.decoder_rates.len() < 1 {
            let problem = "decoder_dim cannot be halved as often as there are decoder_rates";
            return Err(Error::config("config.json", problem));
        }
        if self.latent_dim.is_some_and(|width| width != self.encoder_dim << self.encoder_rates.len()) {
            let problem = "latent_dim is not the width behind the encoder, which alone is supported";
            return Err(Error::config("config.json", problem));
        }
        Ok(hop)
    }

    fn facts(&self) -> Facts {
        Facts {
            sample_rate: self.sampling_rate,
            channels: 1,
            codebooks: self.vq_strides.len(),
            codebook_size: self.codebook_size,
        }
    }

    fn reach(&self, hop: i32) -> Result<Option<Reach>> {
        let (unit, rates) = (self.unit()?, &self.decoder_rates);
        let samples = unit.saturating_mul(hop);
        // Windows of attention are parts of a group.
        let more = if self.attn_window_size.is_some() { 2 } else { 1 };
        let groups = div_ceil(reach(&self.encoder_rates, rates), samples) + more;
        let codes = self.vq_strides.iter().map(|stride| unit / stride.max(&1)).collect();
        let same = rates.iter().product::<i32>() == hop;
        Ok(same.then_some(Reach { samples, codes, groups: groups as usize }))
    }

    /// The least number of vectors that all strides and the window divide.
    fn unit(&self) -> Result<i32> {
        let common = self.vq_strides.iter().chain(&self.attn_window_size).try_fold(1_i32, |common, &each| {
            let (mut a, mut b) = (common, each);
            while b != 0 {
                (a, b) = (b, a % b);
            }
            common.checked_mul(each / a.max(1))
        });
        let common = common.unwrap_or(i32::MAX);
        check("the common multiple of vq_strides and attn_window_size", common, 1 << 14)?;
        Ok(common)
    }
}

/// A convolution whose output is as long as its input.
fn conv(r: &Reader, channels: [i32; 2], kernel: i32, groups: i32) -> Result<Conv1d> {
    r.conv(channels, kernel, Conv { padding: [kernel / 2], groups, ..Conv::default() }, true)
}

/// What a decoder begins with: a convolution, or one within channels and one between them.
fn first(decoder: &Reader, [top, wide]: [i32; 2], depthwise: bool) -> Result<Vec<Conv1d>> {
    if !depthwise {
        return Ok(vec![conv(&decoder.at(0), [top, wide], 7, 1)?]);
    }
    Ok(vec![conv(&decoder.at(0), [wide, wide], 7, wide)?, conv(&decoder.at(1), [top, wide], 1, 1)?])
}

impl Snac {
    pub(super) fn load(w: &Weights, config: &Value) -> Result<Self> {
        let config: Config = read(config)?;
        let hop = config.check()?;
        let mlx = w.contains("encoder.block.layers.0.weight");
        let names = sequences(mlx, config.noise);
        let lists = if mlx {
            ["encoder.block.layers", "decoder.model.layers"]
        } else {
            ["encoder.block", "decoder.model"]
        };
        let r = Reader::new(w, &format!("{}.0", lists[0]), 1, 7);
        let [encoder, decoder] = lists.map(|list| r.at(list));
        let (depthwise, rates) = (config.depthwise, &config.decoder_rates);
        let groups = |width: i32| if depthwise { width } else { 1 };
        let (narrow, top) = (config.encoder_dim, config.decoder_dim);
        let wide = narrow << config.encoder_rates.len();
        let attend = |r: Reader, width| {
            config.attn_window_size.map(|window| LocalAttention::load(&r, width, window)).transpose()
        };
        let down = |(at, &stride): (usize, &i32)| {
            let (from, to) = (narrow << at, narrow << (at + 1));
            Down::load(&encoder.at(at + 1), &names, [to, from], stride, groups(from))
        };
        let attended = usize::from(config.attn_window_size.is_some());
        let behind = 1 + config.encoder_rates.len();
        let before = if depthwise { 2 } else { 1 };
        let raised = before + attended;
        let raise = |(at, &stride): (usize, &i32)| {
            let (from, to) = (top >> at, top >> (at + 1));
            let shape = UpShape {
                channels: [to, from],
                stride,
                groups: groups(to),
                noise: config.noise,
                whole: true,
            };
            Up::load(&decoder.at(raised + at), &names, shape)
        };
        let (end, last) = (raised + rates.len(), top >> rates.len());
        let sizes = Sizes { width: wide, codes: config.codebook_size, code_width: config.codebook_dim };
        let book = |(at, &stride): (usize, &i32)| {
            Factorized::load(&r.at(format!("quantizer.quantizers.{at}")), sizes, stride)
        };
        Ok(Self {
            first: conv(&encoder.at(0), [narrow, 1], 7, 1)?,
            down: config.encoder_rates.iter().enumerate().map(down).collect::<Result<_>>()?,
            attention: attend(encoder.at(behind), wide)?,
            last: conv(&encoder.at(behind + attended), [wide, wide], 7, groups(wide))?,
            quantizer: config.vq_strides.iter().enumerate().map(book).collect::<Result<_>>()?,
            decoder_first: first(&decoder, [top, wide], depthwise)?,
            decoder_attention: attend(decoder.at(before), top)?,
            up: rates.iter().enumerate().map(raise).collect::<Result<_>>()?,
            snake: Snake::load(&decoder, &end.to_string(), last)?,
            decoder_last: conv(&decoder.at(end + 1), [1, last], 7, 1)?,
            facts: config.facts(),
            hop,
            unit: config.unit()?,
            reach: config.reach(hop)?,
        })
    }

    /// Audio of codes, where `noise` gives so many numbers for each noise block.
    fn decode_with(&self, codes: &Codes, noise: &mut dyn FnMut(i32) -> MlxResult<Array>) -> Result<Array> {
        let checked = codes.check(self.quantizer.len(), 1, self.facts.codebook_size)?;
        let lengths = checked
            .iter()
            .zip(&self.quantizer)
            .map(|(codes, book)| Ok(codes.dim(1)?.checked_mul(book.stride).unwrap_or_default()));
        let lengths: Vec<i32> = lengths.collect::<Result<_>>()?;
        let window = self.decoder_attention.as_ref().map_or(1, LocalAttention::window);
        let length = lengths.first().copied().unwrap_or_default();
        if lengths.iter().any(|&other| other != length) || length < 1 || length % window != 0 {
            let range =
                format!("codes of all rates must stand for the same time, a multiple of {window} vectors");
            return Err(Error::option("lengths of codes", format!("{lengths:?} vectors"), range));
        }
        let rows = checked.iter().map(|codes| codes.squeeze(0)).collect::<MlxResult<Vec<_>>>()?;
        let vectors = factorized::decode(&self.quantizer, &rows)?
            .ok_or_else(|| Error::option("codebooks", 0, "there must be at least one"))?;
        let x = self.decoder_first.iter().try_fold(vectors, |x, conv| conv.forward(&x))?;
        let x = attended(self.decoder_attention.as_ref(), x)?;
        let x = self.up.iter().try_fold(x, |x, block| block.forward(&x, noise))?;
        let audio = self.decoder_last.forward(&self.snake.forward(&x)?)?.tanh()?;
        cut(&audio, codes.samples())
    }
}

impl Snac {
    /// Checks that all codebooks are asked for.
    fn books(&self, options: Options) -> Result<()> {
        let books = options.books(self.facts.codebooks)?;
        if books == self.facts.codebooks {
            return Ok(());
        }
        let range = format!("SNAC decodes all of its {} only", self.facts.codebooks);
        Err(Error::option("codebooks", books, range))
    }
}

fn attended(attention: Option<&LocalAttention>, x: Array) -> MlxResult<Array> {
    match attention {
        Some(attention) => attention.forward(&x),
        None => Ok(x),
    }
}

impl Codec for Snac {
    fn facts(&self) -> Facts {
        self.facts
    }

    /// The last codes are of samples and silence, if they are not a multiple of what the rarest code stands for.
    fn encode(&self, audio: &Array, options: Options) -> Result<Codes> {
        let audio = whole(audio, 1)?;
        self.books(options)?;
        let samples = audio.dim(1)?;
        let x = self.first.forward(&padded(&audio, self.hop.saturating_mul(self.unit))?)?;
        let x = self.down.iter().try_fold(x, |x, block| block.forward(&x))?;
        let vectors = self.last.forward(&attended(self.attention.as_ref(), x)?)?;
        let codes = factorized::encode(&self.quantizer, &vectors)?;
        let rates = codes.iter().map(|codes| codes.expand_dims(0)).collect::<MlxResult<_>>()?;
        Ok(Codes::of_rates(rates).with_samples(Some(samples)))
    }

    /// Noise blocks get the same noise every time.
    fn decode(&self, codes: &Codes) -> Result<Array> {
        let mut at = 0;
        self.decode_with(codes, &mut |length| {
            at += 1;
            mlx_core::random::normal([length], Dtype::Float32, &Key::new(at)?)
        })
    }

    fn decode_with_noise(
        &self,
        codes: &Codes,
        noise: &mut dyn FnMut(i32) -> MlxResult<Array>,
    ) -> Result<Array> {
        self.decode_with(codes, noise)
    }

    fn stream(&self, options: Options) -> Result<Box<dyn Stream + '_>> {
        self.books(options)?;
        Nearby::start(self, options, self.reach.as_ref())
    }
}
