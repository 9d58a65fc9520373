//! SenseVoice: Chinese, Cantonese, English, Japanese and Korean to text, with the mood of the voice and what else is heard.
//!
//! An et al., "FunAudioLLM", and mlx-audio's reading of it. [`SenseVoice::load`] takes checkpoints of MLX and of FunASR
//! as safetensors, with `tokens.json`.

mod config;
mod encoder;
mod front;

use mlx_core::{Array, Dtype, concatenate, eval};
use mlx_hub::{Directory, Source};
use mlx_nn::{Embedding, Linear, Module, QuantizationConfig, Weights};
use serde::Deserialize;

use crate::codec::config::read;
use crate::recognizer::{Recognize, RecognizeOptions, Recognizer, TimedToken, segments};
use crate::transcript::Segment;
use crate::vad::audible;
use crate::{Error, Result, checkpoint, ctc};

use config::Config;
use encoder::Encoder;
use front::Front;

/// A model, with its tokens.
pub struct SenseVoice {
    network: Network,
    front: Front,
    tokens: Option<Vec<String>>,
    /// Seconds of a state.
    seconds: f64,
    dtype: Dtype,
}

#[derive(Module)]
struct Network {
    encoder: Encoder,
    queries: Embedding,
    head: Linear,
}

/// What was heard in a sound.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// The code of the language, such as `en`; `nospeech` if no one speaks.
    pub language: String,
    /// The mood of the voice, such as `HAPPY`.
    pub emotion: String,
    /// What is heard, such as `Speech` or `BGM`.
    pub event: String,
    /// What is said.
    pub spoken: Vec<TimedToken>,
    /// The tokens of the language, the emotion, the event and the form of the text.
    pub tags: Vec<u32>,
}

/// Sound that is heard at once, in samples: half a minute.
const LONGEST: usize = 30 * Recognizer::RATE as usize;

/// The languages that can be asked for, and their rows in the table of queries.
const LANGUAGES: &[(&str, u32)] =
    &[("auto", 0), ("zh", 3), ("en", 4), ("yue", 7), ("ja", 11), ("ko", 12), ("nospeech", 13)];

/// The queries of event and emotion.
const EVENT_AND_EMOTION: [u32; 2] = [1, 2];

/// The queries of a text with numbers in digits and punctuation, and of one as it is spoken.
const FORMS: [u32; 2] = [14, 15];

/// Rows of the table of queries.
const QUERIES: i32 = 16;

/// States before those of the sound.
const TAGS: usize = 4;

/// The token for none.
const BLANK: u32 = 0;

#[derive(Default, Deserialize)]
struct Quantized {
    quantization: Option<QuantizationConfig>,
}

impl SenseVoice {
    /// Loads a checkpoint, to compute in `dtype`, or in the type of its weights.
    ///
    /// # Errors
    /// A file is missing or damaged, or the weights do not fit the config.
    pub fn load(source: &Source, dtype: Option<Dtype>) -> Result<Self> {
        Self::open(&checkpoint::directory(&source.clone().include("am.mvn"))?, dtype)
    }

    pub(crate) fn open(directory: &Directory, dtype: Option<Dtype>) -> Result<Self> {
        let config = Config::read(directory)?;
        let front = Front::new(&config, config.moments(directory)?)?;
        let Quantized { quantization } = read(&directory.config()?)?;
        let arrays = checkpoint::arrays(directory)?;
        let stored = arrays.get("encoder.after_norm.weight").map_or(Dtype::Float32, Array::dtype);
        let weights = Weights::new(arrays, quantization).with_dtype(dtype);
        let network = weights.build(|w| Network::load(w, &config))?;
        eval(network.parameters().values())?;
        let tokens = match directory.file("tokens.json") {
            Some(_) => Some(read(&directory.json("tokens.json")?)?),
            None => None,
        };
        let seconds = config.frontend_conf.frame_shift / 1000.0 * config.frontend_conf.lfr_n as f64;
        Ok(Self { network, front, tokens, seconds, dtype: dtype.unwrap_or(stored) })
    }

    /// What is heard in mono samples at 16 kHz. Without a language the model listens for it; with `use_itn` numbers are
    /// written in digits, with punctuation.
    ///
    /// # Errors
    /// The language is not one of the model's, the checkpoint has no `tokens.json`, or an op fails.
    pub fn hear(&self, samples: &[f32], language: Option<&str>, use_itn: bool) -> Result<Heard> {
        let Some(tokens) = &self.tokens else {
            return Err(Error::config("tokens.json", "is missing: it has the texts of the tokens"));
        };
        let language = code(language)?;
        if self.front.count(samples.len()) == 0 {
            return Ok(Heard::default());
        }
        let scores = self.network.head.forward(&self.states(samples, language, use_itn)?)?;
        let tags = scores.index(..TAGS as i32)?.argmax(-1)?.to_vec::<u32>()?;
        let text = |token: u32| tokens.get(token as usize).map_or("", String::as_str);
        let tag = |at: usize| tags.get(at).map(|&token| inner(text(token)).unwrap_or_default().to_owned());
        let emissions = ctc::greedy(&scores.index(TAGS as i32..)?, BLANK)?;
        let spoken = |held: ctc::Emission| {
            let text = text(held.token);
            let [start, end] = [held.frames.start, held.frames.end].map(|frame| frame as f64 * self.seconds);
            let writes = inner(text).is_none() && !["", "<unk>", "<s>", "</s>"].contains(&text);
            let (token, logprob) = (held.token, held.logprob);
            writes.then(|| TimedToken { token, text: text.replace('▁', " "), start, end, logprob })
        };
        Ok(Heard {
            language: tag(0).unwrap_or_default(),
            emotion: tag(1).unwrap_or_default(),
            event: tag(2).unwrap_or_default(),
            spoken: emissions.into_iter().filter_map(spoken).collect(),
            tags,
        })
    }

    /// The states of four queries and of the sound.
    fn states(&self, samples: &[f32], language: u32, use_itn: bool) -> Result<Array> {
        let samples: Vec<f32> = samples.iter().copied().map(audible).collect();
        let count = i32::try_from(self.front.count(samples.len())).unwrap_or(i32::MAX);
        if count == 0 {
            return Err(Error::option("samples", samples.len(), "there are too few for a frame"));
        }
        let [_, width] = self.network.queries.shape()?;
        let rows = Array::from_vec(self.front.rows(&samples), [count, width])?.astype(self.dtype)?;
        let [event, emotion] = EVENT_AND_EMOTION;
        let [with, without] = FORMS;
        let form = if use_itn { with } else { without };
        let queries = Array::from_slice(&[language, event, emotion, form], [TAGS as i32])?;
        let queries = self.network.queries.forward(&queries)?.astype(self.dtype)?;
        Ok(self.network.encoder.forward(&concatenate([&queries, &rows], 0)?)?)
    }
}

impl Recognize for SenseVoice {
    fn name(&self) -> &'static str {
        "sensevoice"
    }

    fn options(&self) -> &'static [&'static str] {
        &["language", "word_timestamps", "use_itn"]
    }

    fn longest(&self) -> usize {
        LONGEST
    }

    /// The first segment's tokens begin with those of language, emotion, event and form.
    fn recognize(&self, samples: &[f32], options: &RecognizeOptions) -> Result<Vec<Segment>> {
        let heard = self.hear(samples, options.language.as_deref(), options.use_itn.unwrap_or(false))?;
        let mut segments = segments(&heard.spoken, options.word_timestamps);
        if let Some(first) = segments.first_mut() {
            first.tokens.splice(..0, heard.tags);
        }
        Ok(segments)
    }

    fn hidden(&self, samples: &[f32]) -> Result<Array> {
        self.states(samples, 0, false)
    }

    fn scores(&self, samples: &[f32]) -> Result<Array> {
        Ok(self.network.head.forward(&self.hidden(samples)?)?)
    }

    fn language(&self, segments: &[Segment]) -> Option<String> {
        let token = *segments.first()?.tokens.first()?;
        inner(self.tokens.as_ref()?.get(token as usize)?).map(str::to_owned)
    }
}

impl Network {
    fn load(w: &Weights, config: &Config) -> Result<Self> {
        let head = if w.contains("ctc_lo.weight") { "ctc_lo" } else { "ctc.ctc_lo" };
        Ok(Self {
            encoder: Encoder::load(&w.at("encoder"), config)?,
            queries: w.embedding("embed", [QUERIES, config.input_size])?,
            head: w.linear_with_bias(head, [config.vocab_size, config.encoder_conf.output_size], true)?,
        })
    }
}

/// The row of a language.
fn code(language: Option<&str>) -> Result<u32> {
    let name = language.unwrap_or("auto");
    let row = LANGUAGES.iter().find(|(code, _)| *code == name).map(|(_, row)| *row);
    row.ok_or_else(|| {
        let known: Vec<_> = LANGUAGES.iter().map(|(code, _)| *code).collect();
        Error::option("language", name, format!("known are {}", known.join(", ")))
    })
}

/// What stands between the signs of a tag.
fn inner(token: &str) -> Option<&str> {
    token.strip_prefix("<|")?.strip_suffix("|>")
}
