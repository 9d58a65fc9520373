//! One door to all models that hear speech.
//!
//! [`Recognizer::load`] reads a checkpoint of any of them; [`Recognizer::transcription`] hears a recording of any length.

mod cutter;
mod kind;
mod options;
mod timed_token;
mod transcription;

use std::ops::Range;

use mlx_core::{Array, Dtype};
use mlx_hub::Source;

use crate::transcript::{Segment, Transcript};
use crate::whisper::{Live, Sound, Whisper};
use crate::{Error, Result, checkpoint};

use cutter::Cutter;
use transcription::Hearing;

pub use kind::KNOWN;
pub use options::RecognizeOptions;
pub use timed_token::{TimedToken, segments};
pub use transcription::Transcription;

/// A model of speech that hears short sound at once: mono samples at [`Recognizer::RATE`].
pub trait Recognize {
    /// What it is called in errors.
    fn name(&self) -> &'static str;

    /// The names of the [`RecognizeOptions`] that it has. Others are refused before it is asked.
    fn options(&self) -> &'static [&'static str];

    /// The most samples that it hears at once.
    fn longest(&self) -> usize;

    /// What is said, in seconds from the first sample. Of too little sound there is nothing.
    ///
    /// # Errors
    /// The checkpoint has no vocabulary, an option is out of its range, or an op fails.
    fn recognize(&self, samples: &[f32], options: &RecognizeOptions) -> Result<Vec<Segment>>;

    /// The last states of its encoder, `[frames, width]`.
    ///
    /// # Errors
    /// There is too little sound, or an op fails.
    fn hidden(&self, samples: &[f32]) -> Result<Array>;

    /// The scores of all tokens in each frame, `[frames, vocabulary]`, of a model that has such.
    ///
    /// # Errors
    /// As [`hidden`](Self::hidden), or the model has no scores without tokens before.
    fn scores(&self, samples: &[f32]) -> Result<Array> {
        let _ = samples;
        Err(Error::option("model", self.name(), "it has no scores of frames, only of tokens behind others"))
    }

    /// The code of the language of what it heard, if that tells it.
    fn language(&self, segments: &[Segment]) -> Option<String> {
        let _ = segments;
        None
    }
}

/// Any model that hears speech.
pub enum Recognizer {
    /// A Whisper, which cuts recordings into windows itself.
    Whisper(Box<Whisper>),
    /// Another.
    Other(Box<dyn Recognize>),
}

impl Recognizer {
    /// The rate of the samples that all of them hear.
    pub const RATE: u32 = Whisper::RATE;

    /// Loads a checkpoint, to compute in `dtype`, or in the type of its weights. The `model_type`, `architectures` or
    /// NeMo's `target` of its `config.json` say which model it is; without any it is a Whisper.
    ///
    /// # Errors
    /// The model is unknown, a file is missing or damaged, or the weights do not fit the config.
    pub fn load(source: &Source, dtype: Option<Dtype>) -> Result<Self> {
        let source = kind::FILES.iter().fold(source.clone(), |source, file| source.include(*file));
        kind::load(&source, &checkpoint::directory(&source)?, dtype)
    }

    /// What is said in mono samples.
    pub fn transcribe(&self, samples: &[f32], options: &RecognizeOptions) -> Result<Transcript> {
        self.transcription(samples, options)?.finish()
    }

    /// The segments of a sound, such as a [`Path`](std::path::Path) or samples, one by one. For a model without windows
    /// of its own, a long sound is cut where it is quiet.
    ///
    /// # Errors
    /// The model does not have an option that is asked for, or the sound cannot be read.
    pub fn transcription<'a>(
        &'a self,
        sound: &'a (impl Sound + ?Sized),
        options: &RecognizeOptions,
    ) -> Result<Transcription<'a>> {
        Transcription::new(self, sound, options)
    }

    /// What is said in parts of mono samples, such as those in which someone speaks: by Whisper, `batch` of them at a time.
    ///
    /// # Errors
    /// As [`transcription`](Self::transcription).
    pub fn transcribe_parts(
        &self,
        samples: &[f32],
        parts: &[Range<usize>],
        batch: usize,
        options: &RecognizeOptions,
    ) -> Result<Transcript> {
        let model = match self {
            Self::Whisper(whisper) => {
                return whisper.transcribe_parts(samples, parts, batch, &options.of_whisper()?);
            }
            Self::Other(model) => &**model,
        };
        let mut hearing = Hearing::new(model, options)?;
        let mut segments = Vec::new();
        for range in parts {
            let range = range.start.min(samples.len())..range.end.min(samples.len());
            for part in Cutter::new(samples.get(range.clone()).unwrap_or_default(), model.longest())? {
                let mut part = part?;
                part.begin += range.start;
                segments.extend(hearing.hear(&part)?);
            }
        }
        Ok(Transcript::new(segments, &hearing.language))
    }

    /// Begins to listen to sound that comes piece by piece, such as a microphone's.
    ///
    /// # Errors
    /// The model is no Whisper, or an option is out of its range.
    pub fn live(&self, options: &RecognizeOptions) -> Result<Live<'_>> {
        match self {
            Self::Whisper(whisper) => whisper.live(&options.of_whisper()?),
            Self::Other(model) => {
                Err(Error::option("model", model.name(), "it hears whole recordings: take a Whisper"))
            }
        }
    }

    /// The last states of the encoder for mono samples, `[frames, width]`: by Whisper, for half a minute.
    ///
    /// # Errors
    /// There is too little sound, or an op fails.
    pub fn hidden(&self, samples: &[f32]) -> Result<Array> {
        match self {
            Self::Whisper(whisper) => whisper.hidden(samples),
            Self::Other(model) => model.hidden(samples),
        }
    }

    /// The scores of all tokens in each frame of mono samples, `[frames, vocabulary]`, of a model that has such (CTC).
    ///
    /// # Errors
    /// The model has no such scores, there is too little sound, or an op fails.
    pub fn scores(&self, samples: &[f32]) -> Result<Array> {
        match self {
            Self::Whisper(_) => {
                Err(Error::option("model", "whisper", "its scores are of tokens behind others: give tokens"))
            }
            Self::Other(model) => model.scores(samples),
        }
    }
}
