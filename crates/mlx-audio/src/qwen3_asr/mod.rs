//! Qwen3-ASR: speech in thirty languages to text, by a language model that reads what an encoder heard.
//!
//! Shi et al., "Qwen3-ASR Technical Report". [`Qwen3Asr::load`] takes checkpoints of the original, of transformers and of
//! MLX, whose decoder may be quantized.

mod answer;
mod config;
mod convolution;
mod encoder;
mod hearing;
mod languages;
mod names;
mod recognize;

use mlx_core::{Array, Dtype, eval};
use mlx_hub::Source;
use mlx_lm::Model;
use mlx_nn::{Module, Weights};
use mlx_text::Tokenizer;

use crate::dsp::WhisperMel;
use crate::greedy::{self, Text};
use crate::transcript::{Segment, Transcript};
use crate::whisper::compression_ratio;
use crate::{Error, Result, checkpoint};

use answer::{Answer, MARKER};
use config::Config;
use encoder::Encoder;

pub use hearing::Hearing;

/// A model, with its tokens and what it hears with.
pub struct Qwen3Asr {
    encoder: Encoder,
    decoder: Model,
    tokenizer: Tokenizer,
    front: WhisperMel,
    dtype: Dtype,
    ends: Vec<u32>,
    /// Names of languages beside those that were published.
    languages: Vec<String>,
}

/// How a recording is recognised.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The language that is spoken, by code or English name; without it, the model says what it hears.
    pub language: Option<String>,
    /// What the model reads before it listens: names and words that may come.
    pub context: Option<String>,
    /// The most tokens of an answer; without it, more than anyone says in the time.
    pub max_tokens: Option<usize>,
}

/// Tokens of an answer beside those of its words, and those of a second of speech, at most.
const TOKENS: usize = 64;
const TOKENS_A_SECOND: usize = 16;

/// A shorter recording has silence behind it, as in Qwen's own package.
const LEAST: usize = 8000;

/// Tokens that end a chat.
const ENDS: [&str; 2] = ["<|im_end|>", "<|endoftext|>"];

impl Qwen3Asr {
    /// The rate of the samples that it hears.
    pub const RATE: u32 = WhisperMel::RATE;
    /// The longest recording, in seconds, as in Qwen's own package.
    pub const LONGEST: f64 = 1200.0;

    /// Loads a checkpoint, to compute in `dtype`, or in the type of its weights.
    ///
    /// # Errors
    /// A file is missing or damaged, the weights do not fit the config, or it is that of a forced aligner.
    pub fn load(source: &Source, dtype: Option<Dtype>) -> Result<Self> {
        let directory = checkpoint::directory(source)?;
        let config = Config::read(&directory.config()?)?;
        let [heard, read] = names::apart(checkpoint::arrays(&directory)?)?;
        let stored = heard.get("conv_out.weight").map(Array::dtype);
        let weights = Weights::new(heard, None).with_dtype(dtype);
        let encoder = weights.build(|w| Encoder::load(w, &config.audio))?;
        let weights = Weights::new(read, config.quantization).with_dtype(dtype);
        let decoder = Model::new(&mlx_lm::Config::new(config.text)?, weights)?;
        eval(encoder.parameters().values())?;
        eval(decoder.decoder().parameters().values())?;
        let tokenizer = Tokenizer::from_dir(directory.path())?;
        let own = tokenizer.eos().iter().chain(decoder.eos()).copied();
        let ends = own.chain(ENDS.iter().filter_map(|end| tokenizer.id(end))).collect();
        Ok(Self {
            dtype: dtype.or(stored).unwrap_or(Dtype::Float32),
            front: WhisperMel::new(config.audio.num_mel_bins.unsigned_abs() as usize)?,
            languages: config.languages,
            encoder,
            decoder,
            tokenizer,
            ends,
        })
    }

    /// What is said in mono samples at 16 kHz, in one segment, or none if nothing is. The language is that of the options,
    /// or what the model says that it heard; empty if it heard none.
    ///
    /// # Errors
    /// The recording is longer than [`LONGEST`](Self::LONGEST) or the decoder's context, or the language is not known.
    pub fn recognize(&self, samples: &[f32], options: &Options) -> Result<Transcript> {
        Ok(self.recognize_all(&[samples], options)?.pop().unwrap_or_default())
    }

    /// What is said in several recordings, which run together, each as if it were alone.
    ///
    /// # Errors
    /// As [`recognize`](Self::recognize).
    pub fn recognize_all(&self, recordings: &[&[f32]], options: &Options) -> Result<Vec<Transcript>> {
        let language = options.language.as_deref().map(|language| self.language(language)).transpose()?;
        let spoken: Vec<_> = recordings.iter().copied().filter(|samples| !samples.is_empty()).collect();
        let mut texts = Vec::new().into_iter();
        if !spoken.is_empty() {
            let mut hearing = self.hear(&spoken, options)?;
            let most = spoken.iter().map(|samples| self.most(samples.len(), &hearing, options));
            let most: Vec<_> = most.collect();
            let first = hearing.scores().clone();
            texts = greedy::write(first, &self.ends, &most, |tokens| {
                Ok(hearing.step(tokens)?.index((.., -1))?)
            })?
            .into_iter();
        }
        let code = language.map(|name| languages::code(&name));
        let transcripts = recordings.iter().map(|samples| {
            let text = if samples.is_empty() { None } else { texts.next() };
            self.transcript(&text.unwrap_or_default(), samples.len(), code.clone())
        });
        transcripts.collect()
    }

    /// What the decoder reads of mono samples at 16 kHz in place of tokens, `[places, width]`, 13 for each second.
    ///
    /// # Errors
    /// The recording is longer than [`LONGEST`](Self::LONGEST).
    pub fn hidden(&self, samples: &[f32]) -> Result<Array> {
        let seconds = samples.len() as f64 / f64::from(Self::RATE);
        if seconds > Self::LONGEST {
            let range = format!("a recording has {} at most: cut it into parts", Self::LONGEST);
            return Err(Error::option("seconds", format!("{seconds:.1}"), range));
        }
        let mut samples = samples.to_vec();
        samples.resize(samples.len().max(LEAST), 0.0);
        Ok(self.encoder.forward(&self.front.frames(&samples), self.dtype)?)
    }

    fn language(&self, language: &str) -> Result<String> {
        languages::name(language, &self.languages)
    }

    /// What the model reads before and behind a recording.
    fn prompt(&self, options: &Options) -> Result<[Vec<u32>; 2]> {
        let context = options.context.as_deref().unwrap_or_default().trim();
        let answer = match &options.language {
            Some(language) => format!("language {}{MARKER}", self.language(language)?),
            None => String::new(),
        };
        let before = format!("<|im_start|>system\n{context}<|im_end|>\n<|im_start|>user\n<|audio_start|>");
        let behind = format!("<|audio_end|><|im_end|>\n<|im_start|>assistant\n{answer}");
        Ok([self.tokenizer.encode(&before, false)?, self.tokenizer.encode(&behind, false)?])
    }

    /// The most tokens of an answer, for which there is room.
    fn most(&self, samples: usize, hearing: &Hearing<'_>, options: &Options) -> usize {
        let seconds = samples / Self::RATE as usize + 1;
        let most = options.max_tokens.unwrap_or(TOKENS + TOKENS_A_SECOND * seconds);
        most.min(hearing.room()).max(1)
    }

    fn transcript(&self, text: &Text, samples: usize, code: Option<String>) -> Result<Transcript> {
        let Answer { language, text: words } = Answer::parse(&self.tokenizer.decode(&text.tokens, true)?);
        let language = code.or(language).unwrap_or_default();
        if words.is_empty() {
            return Ok(Transcript::new(Vec::new(), &language));
        }
        let segment = Segment {
            end: samples as f64 / f64::from(Self::RATE),
            compression_ratio: compression_ratio(&words),
            text: words,
            tokens: text.tokens.clone(),
            avg_logprob: text.mean(),
            ..Segment::default()
        };
        Ok(Transcript::new(vec![segment], &language))
    }
}
