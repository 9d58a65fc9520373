//! Moonshine: English speech to text, whose work grows with the length of the recording.
//!
//! Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and Voice Commands". [`Moonshine::load`] takes
//! checkpoints of transformers and MLX.

mod attention;
mod config;
mod decoder;
mod encoder;
mod recognize;

use std::collections::BTreeMap;

use mlx_core::{Array, Dtype, Result as MlxResult, eval};
use mlx_hub::Source;
use mlx_nn::{Module, Weights};
use mlx_text::Tokenizer;

use crate::greedy::{self, Text};
use crate::transcript::Segment;
use crate::whisper::compression_ratio;
use crate::{Error, Result, checkpoint};

use config::Config;
use decoder::{Decoder, Heard};
use encoder::{Encoder, KERNEL};

/// A model, with its tokens.
pub struct Moonshine {
    encoder: Encoder,
    decoder: Decoder,
    tokenizer: Tokenizer,
    dtype: Dtype,
    vocabulary: u32,
    positions: usize,
    start: u32,
    ends: Vec<u32>,
}

/// How a recording is recognised.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The most tokens of a text; without it, 6.5 for each second, as the model card says.
    pub max_tokens: Option<usize>,
}

/// Tokens of a second of speech, at most.
const TOKENS_A_SECOND: f64 = 6.5;

impl Moonshine {
    /// The rate of the samples that it hears.
    pub const RATE: u32 = 16_000;
    /// The longest recording, in seconds, which is as long as those that it learned from.
    pub const LONGEST: f64 = 30.0;

    /// Loads a checkpoint, to compute in `dtype`, or in the type of its weights.
    ///
    /// # Errors
    /// A file is missing or damaged, or the weights do not fit the config.
    pub fn load(source: &Source, dtype: Option<Dtype>) -> Result<Self> {
        let directory = checkpoint::directory(source)?;
        let config = Config::read(&directory.config()?)?;
        let weights = Weights::new(unify(checkpoint::arrays(&directory)?)?, None).with_dtype(dtype);
        let (encoder, decoder) = weights.build(|w| {
            Ok::<_, Error>((Encoder::load(&w.at("encoder"), config.encoder()?)?, Decoder::load(w, &config)?))
        })?;
        eval(encoder.parameters().values().chain(decoder.parameters().values()))?;
        let dtype = encoder.parameters().values().next().map_or(Dtype::Float32, |array| array.dtype());
        Ok(Self {
            encoder,
            decoder,
            tokenizer: Tokenizer::from_dir(directory.path())?,
            dtype,
            vocabulary: config.vocab_size.unsigned_abs(),
            positions: config.max_position_embeddings.unsigned_abs() as usize,
            start: config.decoder_start_token_id,
            ends: config.ends(),
        })
    }

    /// What is said in mono samples at 16 kHz, in one segment, or none if nothing is.
    ///
    /// # Errors
    /// The recording is longer than [`LONGEST`](Self::LONGEST).
    pub fn recognize(&self, samples: &[f32], options: &Options) -> Result<Vec<Segment>> {
        Ok(self.recognize_all(&[samples], options)?.pop().unwrap_or_default())
    }

    /// What is said in several recordings, which run together, each as if it were alone.
    ///
    /// # Errors
    /// As [`recognize`](Self::recognize).
    pub fn recognize_all(&self, recordings: &[&[f32]], options: &Options) -> Result<Vec<Vec<Segment>>> {
        let spoken: Vec<_> = recordings.iter().copied().filter(|samples| !samples.is_empty()).collect();
        if spoken.is_empty() {
            return Ok(vec![Vec::new(); recordings.len()]);
        }
        let mut hearing = self.hear(&spoken)?;
        let starts = vec![[self.start]; spoken.len()];
        let starts: Vec<&[u32]> = starts.iter().map(<[u32; 1]>::as_slice).collect();
        let scores = hearing.logits(&starts)?.index((.., -1))?;
        let most: Vec<_> = spoken.iter().map(|samples| self.most(samples.len(), options)).collect();
        let texts = greedy::write(scores, &self.ends, &most, |tokens| {
            Ok(self.decoder.forward(tokens, &mut hearing.heard)?.index((.., -1))?)
        })?;
        let mut texts = texts.into_iter();
        let segments = recordings.iter().map(|samples| {
            let text = if samples.is_empty() { None } else { texts.next() };
            Ok(text
                .map(|text| self.segment(text, samples.len()))
                .transpose()?
                .flatten()
                .into_iter()
                .collect())
        });
        segments.collect()
    }

    /// The last states of the encoder for mono samples at 16 kHz, `[places, width]`, a place for each 384 samples.
    ///
    /// # Errors
    /// As [`recognize`](Self::recognize).
    pub fn hidden(&self, samples: &[f32]) -> Result<Array> {
        check(samples)?;
        Ok(self.encoder.forward(&[samples], self.dtype)?.states.index(0)?)
    }

    /// What is heard in recordings, to ask for scores of tokens.
    ///
    /// # Errors
    /// As [`recognize`](Self::recognize).
    pub fn hear(&self, recordings: &[&[f32]]) -> Result<Hearing<'_>> {
        recordings.iter().try_for_each(|samples| check(samples))?;
        if recordings.is_empty() {
            return Err(Error::option("recordings", 0, "give at least one"));
        }
        let heard = self.decoder.hear(self.encoder.forward(recordings, self.dtype)?)?;
        Ok(Hearing { model: self, heard, rows: recordings.len() })
    }

    /// The most tokens of a recording; the card counts the one that every text begins with.
    fn most(&self, samples: usize, options: &Options) -> usize {
        let seconds = samples as f64 / f64::from(Self::RATE);
        let most = options.max_tokens.unwrap_or(((seconds * TOKENS_A_SECOND) as usize).saturating_sub(1));
        most.clamp(1, self.positions.saturating_sub(1).max(1))
    }

    fn segment(&self, text: Text, samples: usize) -> Result<Option<Segment>> {
        let avg_logprob = text.mean();
        let words = self.tokenizer.decode(&text.tokens, true)?.trim().to_owned();
        Ok((!words.is_empty()).then(|| Segment {
            end: samples as f64 / f64::from(Self::RATE),
            compression_ratio: compression_ratio(&words),
            text: words,
            tokens: text.tokens,
            avg_logprob,
            ..Segment::default()
        }))
    }
}

fn check(samples: &[f32]) -> Result<()> {
    let seconds = samples.len() as f64 / f64::from(Moonshine::RATE);
    if seconds <= Moonshine::LONGEST {
        return Ok(());
    }
    let range = format!("a recording has {} at most: cut it into parts", Moonshine::LONGEST);
    Err(Error::option("seconds", format!("{seconds:.1}"), range))
}

/// Arrays by the names of transformers without the leading `model.`, with convolutions as MLX has them:
/// `[outputs, kernel, inputs]`.
fn unify(arrays: BTreeMap<String, Array>) -> MlxResult<BTreeMap<String, Array>> {
    let named = |name: String| name.strip_prefix("model.").map_or_else(|| name.clone(), str::to_owned);
    let arrays: BTreeMap<_, _> = arrays.into_iter().map(|(name, array)| (named(name), array)).collect();
    let first = arrays.get("encoder.conv1.weight").map(Array::shape);
    let turns = matches!(first, Some([_, 1, KERNEL]));
    let turned = |(name, array): (String, Array)| {
        let of_conv = turns && name.starts_with("encoder.conv") && array.ndim() == 3;
        Ok((name, if of_conv { array.transpose([0, 2, 1])? } else { array }))
    };
    arrays.into_iter().map(turned).collect()
}

/// What was heard in recordings, and what was written about each so far.
pub struct Hearing<'a> {
    model: &'a Moonshine,
    heard: Heard,
    rows: usize,
}

impl Hearing<'_> {
    /// Scores `[recordings, tokens, vocabulary]` of what comes behind each of the tokens of each recording, which follow
    /// those that were given before.
    ///
    /// # Errors
    /// They are not as many for each recording, none, too many, or one is outside the vocabulary.
    pub fn logits(&mut self, tokens: &[&[u32]]) -> Result<Array> {
        let length = tokens.first().map_or(0, |row| row.len());
        if tokens.len() != self.rows || tokens.iter().any(|row| row.len() != length) {
            let range = format!("give as many for each of {} recordings", self.rows);
            return Err(Error::option("rows of tokens", tokens.len(), range));
        }
        let all = tokens.concat();
        if let Some(token) = all.iter().find(|&&token| token >= self.model.vocabulary) {
            let range = format!("the vocabulary has {}", self.model.vocabulary);
            return Err(Error::option("tokens", token, range));
        }
        let room = self.model.positions.saturating_sub(self.heard.written.unsigned_abs() as usize);
        match [tokens.len(), length].map(i32::try_from) {
            [Ok(rows), Ok(count)] if (1..=room).contains(&length) => {
                let tokens = Array::from_slice(&all, [rows, count])?;
                Ok(self.model.decoder.forward(&tokens, &mut self.heard)?)
            }
            _ => Err(Error::option("tokens", length, format!("there is room for 1 to {room}"))),
        }
    }
}
