//! Neural codecs: audio to few whole numbers, and back.
//!
//! [`load`] reads a checkpoint; [`Codec`] is what all of them can do.

mod codes;
pub(crate) mod config;
mod dac;
mod encodec;
mod mimi;
mod nearby;
pub(crate) mod part;
mod snac;
mod vocos;

use std::collections::BTreeMap;

use mlx_core::{Array, Dtype, eval};
use mlx_hub::Source;
use mlx_nn::{Module, Weights};
use serde_json::Value;

pub use self::codes::Codes;
use self::part::snake::Names;
pub use self::vocos::Vocos;
use crate::{Error, Result, checkpoint};

/// What a codec takes and makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Samples a second.
    pub sample_rate: u32,
    /// How many channels the audio has.
    pub channels: usize,
    /// The number of codebooks, of all rates together.
    pub codebooks: usize,
    /// How many codes a codebook has.
    pub codebook_size: i32,
}

/// A codec.
pub trait Codec: Module {
    /// What it takes and makes.
    fn facts(&self) -> Facts;

    /// Codes of audio, floats `[samples]`, or `[samples, channels]`, of this sample rate and number of channels.
    ///
    /// # Errors
    /// There are no samples, the channels are not those of the codec, or an option is outside its range.
    fn encode(&self, audio: &Array, options: Options) -> Result<Codes>;

    /// Audio of codes: float32 `[samples]`, or `[samples, channels]` of more than one channel.
    ///
    /// # Errors
    /// A code, or the number of codebooks or of rates, is not one of this codec.
    fn decode(&self, codes: &Codes) -> Result<Array>;

    /// The same, where `noise` gives so many numbers, of each noise block those that are to be multiplied by what it
    /// makes. Without noise blocks it is not called.
    ///
    /// # Errors
    /// Those of [`decode`](Self::decode).
    fn decode_with_noise(
        &self,
        codes: &Codes,
        noise: &mut dyn FnMut(i32) -> mlx_core::Result<Array>,
    ) -> Result<Array> {
        let _ = noise;
        self.decode(codes)
    }

    /// Audio, or codes, in parts.
    ///
    /// # Errors
    /// This codec hears all at once, or an option is outside its range.
    fn stream(&self, options: Options) -> Result<Box<dyn Stream + '_>> {
        let _ = options;
        Err(Error::option("codec", "one that hears all at once", "it cannot be run in parts"))
    }
}

/// A codec that runs while audio, or codes, come in. Mimi and EnCodec are causal; DAC and SNAC wait for what is around a
/// part. Both directions are independent of each other.
pub trait Stream {
    /// The codes that can be said after this part of the audio, `[samples]`, of any length.
    ///
    /// # Errors
    /// Those of [`Codec::encode`].
    fn encode(&mut self, audio: &Array) -> Result<Option<Codes>>;

    /// The codes of what is left of the audio, which ends here: all together are those of [`Codec::encode`]. What
    /// comes next is other audio.
    ///
    /// # Errors
    /// An op fails.
    fn finish(&mut self) -> Result<Option<Codes>>;

    /// The audio that is known of these codes, which follow those before: all together are the audio of [`Codec::decode`],
    /// where noise blocks get other noise.
    ///
    /// # Errors
    /// Those of [`Codec::decode`].
    fn decode(&mut self, codes: &Codes) -> Result<Option<Array>>;

    /// The audio that is left, of codes that no others follow. What comes next are other codes.
    ///
    /// # Errors
    /// Those of [`Codec::decode`].
    fn finish_decoding(&mut self) -> Result<Option<Array>>;
}

/// How much is kept of audio. The default is what each codec has by itself: all codebooks, of EnCodec the lowest
/// bandwidth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Options {
    /// The first so many codebooks.
    pub codebooks: Option<usize>,
    /// Thousands of bits a second, one of those that the config of an EnCodec lists.
    pub bandwidth: Option<f64>,
}

impl Options {
    /// How many codebooks are asked for, of `most`.
    fn books(self, most: usize) -> Result<usize> {
        if let Some(bandwidth) = self.bandwidth {
            let range = "this codec has none: ask for a number of codebooks";
            return Err(Error::option("bandwidth", bandwidth, range));
        }
        match self.codebooks {
            Some(books) if !(1..=most).contains(&books) => {
                Err(Error::option("codebooks", books, format!("this codec has between 1 and {most}")))
            }
            books => Ok(books.unwrap_or(most)),
        }
    }
}

/// What can be built.
pub const KNOWN: &[&str] = &["dac", "encodec", "mimi", "snac"];

/// The codec in a folder or on the Hub. It computes in float32.
///
/// # Errors
/// The checkpoint is not found or not one of a codec, or its weights do not fit.
pub fn load(source: &Source) -> Result<Box<dyn Codec>> {
    let directory = checkpoint::directory(source)?;
    build(&directory.config()?, checkpoint::arrays(&directory)?)
}

/// The codec that `config`, a `config.json`, describes, of these arrays, all of which it must use.
///
/// # Errors
/// The architecture is unknown, a field is missing or not supported, or a weight is missing, left over or misshapen.
pub fn build(config: &Value, arrays: BTreeMap<String, Array>) -> Result<Box<dyn Codec>> {
    let arrays = part::fold::fold(arrays)?;
    let arrays = if kind(config) == "mimi" { mimi::renamed(arrays, config)? } else { arrays };
    let w = Weights::new(arrays, None).with_dtype(Some(Dtype::Float32));
    let codec: Box<dyn Codec> = match kind(config) {
        "dac" => Box::new(w.build(|w| dac::Dac::load(w, config))?),
        "encodec" => Box::new(w.build(|w| encodec::Encodec::load(w, config))?),
        "mimi" => Box::new(w.build(|w| mimi::Mimi::load(w, config))?),
        "snac" => Box::new(w.build(|w| snac::Snac::load(w, config))?),
        other => return Err(Error::UnknownModel { found: other.to_owned(), known: KNOWN }),
    };
    eval(codec.parameters().values())?;
    Ok(codec)
}

/// The `model_type`, or what tells it: the originals of some have none in their configs.
fn kind(config: &Value) -> &str {
    let has = |field: &str| config.get(field).is_some();
    match config.get("model_type").and_then(Value::as_str) {
        Some(kind) => kind,
        None if has("encoder_rates") && has("vq_strides") => "snac",
        None if has("encoder_rates") && has("n_codebooks") => "dac",
        None => "",
    }
}

/// Audio `[samples]` or `[samples, channels]` as float32 `[1, samples, channels]`.
fn whole(audio: &Array, channels: i32) -> Result<Array> {
    let shape = audio.shape();
    let &[samples, found] = &match *shape {
        [samples] => [samples, 1],
        [samples, found] => [samples, found],
        _ => {
            let range = "it must be [samples] or [samples, channels]";
            return Err(Error::option("shape of audio", format!("{shape:?}"), range));
        }
    };
    if found != channels {
        return Err(Error::option("channels", found, format!("this codec takes {channels}")));
    }
    if samples < 1 {
        return Err(Error::option("samples", samples, "there must be at least one"));
    }
    if !audio.dtype().is_float() {
        return Err(Error::option("type of audio", audio.dtype(), "samples must be floats"));
    }
    Ok(audio.astype(Dtype::Float32)?.reshape([1, samples, channels])?)
}

/// `[1, samples, channels]` as a codec gives it, cut to so many samples.
fn cut(audio: &Array, samples: Option<i32>) -> Result<Array> {
    let [_, found, channels] = audio.dims()?;
    let kept = samples.map_or(found, |samples| samples.clamp(0, found));
    let audio = audio.index((0, ..kept))?;
    Ok(if channels == 1 { audio.squeeze(-1)? } else { audio })
}

/// Audio with silence behind it, to a multiple of so many samples.
fn padded(audio: &Array, unit: i32) -> Result<Array> {
    let more = (unit - audio.dim(1)? % unit) % unit;
    Ok(audio.pad([(1, 0, more)], 0)?)
}

/// No noise, for codecs that have none.
fn no_noise(length: i32) -> mlx_core::Result<Array> {
    Array::zeros([length], Dtype::Float32)
}

/// What blocks call their layers that are sequences, with the noise of SNAC or without.
fn sequences(mlx: bool, noise: bool) -> Names {
    match (mlx, noise) {
        (false, false) => Names {
            unit: ["block.0", "block.1", "block.2", "block.3"],
            down: ["block.0", "block.1", "block.2", "block.3", "block.4"],
            up: ["block.0", "block.1", "noise", "block.2", "block.3", "block.4"],
        },
        (false, true) => Names {
            up: ["block.0", "block.1", "block.2.linear", "block.3", "block.4", "block.5"],
            ..sequences(mlx, false)
        },
        (true, false) => Names {
            unit: ["block.layers.0", "block.layers.1", "block.layers.2", "block.layers.3"],
            down: ["block.layers.0", "block.layers.1", "block.layers.2", "block.layers.3", "block.layers.4"],
            up: [
                "block.layers.0",
                "block.layers.1",
                "noise",
                "block.layers.2",
                "block.layers.3",
                "block.layers.4",
            ],
        },
        (true, true) => Names {
            up: [
                "block.layers.0",
                "block.layers.1",
                "block.layers.2.linear",
                "block.layers.3",
                "block.layers.4",
                "block.layers.5",
            ],
            ..sequences(mlx, false)
        },
    }
}

/// The quotient of positive numbers, rounded up.
fn div_ceil(number: i32, divisor: i32) -> i32 {
    number / divisor.max(1) + i32::from(number % divisor.max(1) != 0)
}
