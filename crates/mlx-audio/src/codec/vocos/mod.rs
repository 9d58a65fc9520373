//! Vocos: sound of mel spectra, or of the codes of an EnCodec.
//!
//! Siuzdak, "Vocos: Closing the gap between time-domain and Fourier-based neural vocoders for high-quality audio synthesis".

mod backbone;
mod config;
mod front;
mod head;
mod yaml;

use std::collections::BTreeMap;

use mlx_core::{Array, Dtype, eval};
use mlx_hub::{Directory, Source};
use mlx_nn::{Module, Weights};

use self::backbone::Backbone;
use self::config::{Config, Features};
use self::front::{Front, Mel, Vectors};
use self::head::Head;
use super::Codes;
use super::part::reader::Reader;
use crate::{Error, Result, checkpoint};

/// A Vocos. It computes in float32.
pub struct Vocos {
    front: Front,
    backbone: Backbone,
    head: Head,
}

/// Frames that become sound together, between those that they are computed with.
const BLOCK: i32 = 1024;

impl Vocos {
    /// Whether a folder or Hub repository holds one, by its config.
    ///
    /// # Errors
    /// It is not found, or its config cannot be read.
    pub fn is_in(source: &Source) -> Result<bool> {
        let directory = checkpoint::directory(&source.clone().include("*.yaml"))?;
        if directory.file(config::YAML).is_some() {
            return Ok(true);
        }
        Ok(directory.file(config::JSON).is_some() && directory.config()?.get("feature_extractor").is_some())
    }

    /// The model of a folder or Hub repository: `config.yaml`, or the same as `config.json`, and safetensors.
    ///
    /// # Errors
    /// The checkpoint is not found, is no Vocos, or its weights do not fit.
    pub fn load(source: &Source) -> Result<Self> {
        let directory = checkpoint::directory(&source.clone().include("*.yaml"))?;
        let (name, text) = config::text(&directory)?;
        Self::named(name, &text, arrays(&directory)?)
    }

    /// The model that `config`, the text of a `config.yaml`, describes, of these arrays, all of which it must use.
    ///
    /// # Errors
    /// A field is missing or not supported, or a weight is missing, left over or misshapen.
    pub fn build(config: &str, arrays: BTreeMap<String, Array>) -> Result<Self> {
        Self::named(config::YAML, config, arrays)
    }

    fn named(name: &str, text: &str, arrays: BTreeMap<String, Array>) -> Result<Self> {
        let config = Config::read(text).map_err(|problem| Error::config(name, problem))?;
        let w = Weights::new(arrays, None).with_dtype(Some(Dtype::Float32));
        w.build(|w| Self::of(w, &config))
    }

    fn of(w: &Weights, config: &Config) -> Result<Self> {
        // Filters and windows, and the EnCodec whose codes are looked up.
        let known = ["feature_extractor.mel_spec.", "feature_extractor.encodec.", "head.istft."];
        w.ignore(|key| known.iter().any(|known| key.starts_with(known)));
        let sizes = config.backbone();
        let r = Reader::new(w, "backbone.embed", sizes.input_channels, sizes.input_kernel_size);
        let front = match &config.feature_extractor {
            Features::Mel(options) => Front::Mel(Box::new(Mel::new(options)?)),
            Features::Encodec(options) => {
                Front::Codes(Vectors::load(&r.at("feature_extractor"), options, sizes.input_channels)?)
            }
        };
        let backbone = Backbone::load(&r.at("backbone"), sizes)?;
        let head = Head::load(&r.at("head"), config.head())?;
        eval(backbone.parameters().values())?;
        Ok(Self { front, backbone, head })
    }

    /// Samples a second.
    pub fn sample_rate(&self) -> u32 {
        match &self.front {
            Front::Mel(mel) => mel.rate(),
            Front::Codes(vectors) => vectors.rate(),
        }
    }

    /// Whether it makes sound of codes, and not of mel spectra.
    pub fn is_of_codes(&self) -> bool {
        matches!(self.front, Front::Codes(_))
    }

    /// What it makes sound of: natural logarithms of HTK mel spectra of magnitudes, `[frames, mels]`.
    ///
    /// # Errors
    /// The model is one of codes, or there are no samples.
    pub fn mel(&self, samples: &[f32]) -> Result<Array> {
        match &self.front {
            Front::Mel(mel) => mel.frames(samples),
            Front::Codes(_) => Err(Error::option("Vocos", "one of codes", "encode with its EnCodec")),
        }
    }

    /// Sound `[samples]` of mel spectra `[frames, mels]`.
    ///
    /// # Errors
    /// The model is one of codes, or the shape is another.
    pub fn decode_mel(&self, mel: &Array) -> Result<Array> {
        match &self.front {
            Front::Mel(front) => {
                front.check(mel)?;
                self.sound(&mel.astype(Dtype::Float32)?, None)
            }
            Front::Codes(_) => Err(Error::option("Vocos", "one of codes", "decode codes of its EnCodec")),
        }
    }

    /// Sound `[samples]` of codes of the EnCodec that it was trained with, of as many codebooks as one of its bandwidths
    /// has.
    ///
    /// # Errors
    /// The model is one of mel spectra, or the codes are not of that EnCodec.
    pub fn decode_codes(&self, codes: &Codes) -> Result<Array> {
        match &self.front {
            Front::Codes(vectors) => {
                let (vectors, bandwidth) = vectors.look_up(codes)?;
                let sound = self.sound(&vectors, Some(bandwidth))?;
                let most = sound.dim(0)?;
                Ok(sound.index(..codes.samples().map_or(most, |samples| samples.clamp(0, most)))?)
            }
            Front::Mel(_) => Err(Error::option("Vocos", "one of mel spectra", "it has no codes")),
        }
    }

    /// Sound of what goes into the backbone, `[frames, channels]`, under one of its conditions.
    fn sound(&self, features: &Array, condition: Option<i32>) -> Result<Array> {
        let count = features.dim(0)?;
        let around = self.backbone.reach() + self.head.reach();
        let mut samples: Vec<f32> = Vec::new();
        for first in (0..count).step_by(BLOCK as usize) {
            let behind = count.min(first + BLOCK);
            let (from, to) = ((first - around).max(0), count.min(behind + around));
            let frames = features.index(from..to)?.expand_dims(0)?;
            let states = self.backbone.forward(&frames, condition)?.squeeze(0)?;
            let sound = self.head.sound(&states)?;
            let place = |frame: i32| (frame - from) as usize * self.head.hop();
            let end = if behind == count { sound.len() } else { place(behind) };
            samples.extend(sound.get(place(first)..end).unwrap_or_default());
        }
        let length = i32::try_from(samples.len()).unwrap_or(i32::MAX);
        Ok(Array::from_vec(samples, [length])?)
    }
}

/// The arrays of all shards.
fn arrays(directory: &Directory) -> Result<BTreeMap<String, Array>> {
    const PICKLE: &str = "pytorch_model.bin";
    if directory.shards().is_err() && directory.file(PICKLE).is_some() {
        return Err(Error::config(PICKLE, "is a pickle of torch: save its tensors as model.safetensors"));
    }
    checkpoint::arrays(directory)
}
