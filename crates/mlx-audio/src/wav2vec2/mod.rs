//! wav2vec2 and HuBERT with a head for CTC: speech to characters.
//!
//! Baevski et al., "wav2vec 2.0"; Hsu et al., "HuBERT"; and transformers' `Wav2Vec2ForCTC` and `HubertForCTC`, whose
//! checkpoints [`Wav2Vec2::load`] takes.

mod config;
mod encoder;
mod features;
mod positions;
mod vocabulary;

use mlx_core::{Array, Dtype, eval};
use mlx_hub::{Directory, Source};
use mlx_nn::{Linear, Module, Weights};

use crate::codec::config::read;
use crate::recognizer::{Recognize, RecognizeOptions, Recognizer, segments};
use crate::transcript::Segment;
use crate::vad::audible;
use crate::{Error, Result, checkpoint, ctc};

use config::{Config, Norm, Preprocessor};
use encoder::Encoder;
use features::Features;
use vocabulary::Vocabulary;

/// A model, with its characters.
pub struct Wav2Vec2 {
    network: Network,
    config: Config,
    normalizes: bool,
    vocabulary: Option<Vocabulary>,
}

#[derive(Module)]
struct Network {
    features: Features,
    encoder: Encoder,
    head: Linear,
}

/// Sound that is heard at once, in samples: 20 seconds.
const LONGEST: usize = 20 * Recognizer::RATE as usize;

impl Wav2Vec2 {
    /// Loads a checkpoint, to compute in `dtype`, or in the type of its weights.
    ///
    /// # Errors
    /// A file is missing or damaged, or the weights do not fit the config.
    pub fn load(source: &Source, dtype: Option<Dtype>) -> Result<Self> {
        Self::open(&checkpoint::directory(source)?, dtype)
    }

    pub(crate) fn open(directory: &Directory, dtype: Option<Dtype>) -> Result<Self> {
        let config: Config = read(&directory.config()?)?;
        config.check()?;
        let preprocessor = match directory.file("preprocessor_config.json") {
            Some(_) => read(&directory.json("preprocessor_config.json")?)?,
            None => Preprocessor::default(),
        };
        if preprocessor.sampling_rate != Recognizer::RATE {
            let problem = format!("sampling_rate is {}: 16000 is supported", preprocessor.sampling_rate);
            return Err(Error::config("preprocessor_config.json", problem));
        }
        let weights = Weights::new(checkpoint::arrays(directory)?, None).with_dtype(dtype);
        let network = weights.build(|w| Network::load(w, &config))?;
        eval(network.parameters().values())?;
        let vocabulary = Vocabulary::open(directory, config.vocab_size)?;
        Ok(Self { network, config, normalizes: preprocessor.do_normalize, vocabulary })
    }

    /// The last states for each of several sounds, mono samples at 16 kHz: `[frames, width]`, as of each alone. Where
    /// the model's features do not depend on all of the sound, they go through it together.
    ///
    /// # Errors
    /// A sound has less samples than a frame, or an op fails.
    pub fn hidden_of(&self, sounds: &[&[f32]]) -> Result<Vec<Array>> {
        let frames = sounds.iter().map(|sound| self.frames(sound)).collect::<Result<Vec<_>>>()?;
        if self.config.feat_extract_norm == Norm::Group {
            return sounds.iter().map(|sound| Ok(self.run(&[*sound], None)?.index(0)?)).collect();
        }
        let longest = frames.iter().copied().max().unwrap_or(0);
        let mask = match frames.iter().all(|&frames| frames == longest) {
            true => None,
            false => {
                let lengths = Array::from_slice(&frames, [frames.len() as i32, 1])?;
                Some(Array::arange(0..longest)?.astype(Dtype::Int32)?.less(&lengths)?)
            }
        };
        if sounds.is_empty() {
            return Ok(Vec::new());
        }
        let states = self.run(sounds, mask.as_ref())?;
        (0_i32..).zip(frames).map(|(at, frames)| Ok(states.index((at, ..frames))?)).collect()
    }

    /// The frames of a sound.
    fn frames(&self, sound: &[f32]) -> Result<i32> {
        match i32::try_from(sound.len()).map(|samples| self.config.frames(samples)) {
            Ok(frames) if frames > 0 => Ok(frames),
            Ok(_) => Err(Error::option("samples", sound.len(), "there are too few for a frame")),
            Err(_) => Err(Error::option("samples", sound.len(), "there are too many: give them in parts")),
        }
    }

    /// States of all sounds, the shorter filled up with zeros.
    fn run(&self, sounds: &[&[f32]], mask: Option<&Array>) -> Result<Array> {
        let longest = sounds.iter().map(|sound| sound.len()).max().unwrap_or(0);
        let mut samples = Vec::with_capacity(sounds.len() * longest);
        for (at, sound) in sounds.iter().enumerate() {
            samples.extend(self.prepared(sound));
            samples.resize((at + 1) * longest, 0.0);
        }
        let samples = Array::from_vec(samples, [sounds.len() as i32, longest as i32])?;
        Ok(self.network.states(&samples, mask)?)
    }

    /// The samples, with mean 0 and variance 1 if the model wants that.
    fn prepared(&self, sound: &[f32]) -> Vec<f32> {
        let mut samples: Vec<f32> = sound.iter().copied().map(audible).collect();
        if self.normalizes {
            let count = samples.len().max(1) as f64;
            let mean = samples.iter().copied().map(f64::from).sum::<f64>() / count;
            let square = |&sample: &f32| (f64::from(sample) - mean).powi(2);
            let deviation = (samples.iter().map(square).sum::<f64>() / count + 1e-7).sqrt();
            let normal = |sample: f32| ((f64::from(sample) - mean) / deviation) as f32;
            samples.iter_mut().for_each(|sample| *sample = normal(*sample));
        }
        samples
    }

    /// Seconds of a frame.
    fn seconds(&self) -> f64 {
        f64::from(self.config.hop()) / f64::from(Recognizer::RATE)
    }
}

impl Recognize for Wav2Vec2 {
    fn name(&self) -> &'static str {
        "wav2vec2"
    }

    fn options(&self) -> &'static [&'static str] {
        &["word_timestamps"]
    }

    fn longest(&self) -> usize {
        LONGEST
    }

    fn recognize(&self, samples: &[f32], options: &RecognizeOptions) -> Result<Vec<Segment>> {
        let Some(vocabulary) = &self.vocabulary else {
            return Err(Error::config("vocab.json", "is missing: it has the texts of the tokens"));
        };
        if self.frames(samples).is_err() {
            return Ok(Vec::new());
        }
        let emissions = ctc::greedy(&self.scores(samples)?, self.config.pad_token_id)?;
        Ok(segments(&vocabulary.spoken(&emissions, self.seconds()), options.word_timestamps))
    }

    fn hidden(&self, samples: &[f32]) -> Result<Array> {
        self.frames(samples)?;
        Ok(self.run(&[samples], None)?.index(0)?)
    }

    fn scores(&self, samples: &[f32]) -> Result<Array> {
        Ok(self.network.head.forward(&self.hidden(samples)?)?)
    }
}

impl Network {
    fn load(w: &Weights, config: &Config) -> Result<Self> {
        let root = if w.contains("hubert.encoder.layer_norm.weight") { "hubert" } else { "wav2vec2" };
        let base = w.at(root);
        base.ignore(|name| name.ends_with(".masked_spec_embed"));
        Ok(Self {
            features: Features::load(&base.at("feature_extractor"), config)?,
            encoder: Encoder::load(&base, config)?,
            head: w.linear_with_bias("lm_head", [config.vocab_size, config.hidden_size], true)?,
        })
    }

    fn states(&self, samples: &Array, mask: Option<&Array>) -> mlx_core::Result<Array> {
        let dtype = self.head.parameters().values().next().map_or(Dtype::Float32, Array::dtype);
        let dtype = if dtype.is_float() { dtype } else { Dtype::Float32 };
        self.encoder.forward(&self.features.forward(&samples.astype(dtype)?)?, mask)
    }
}
