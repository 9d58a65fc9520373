//! A whole recording, part by part.

use std::collections::VecDeque;

use super::cutter::{Cutter, Part};
use super::{Recognize, RecognizeOptions, Recognizer};
use crate::Result;
use crate::transcript::{Segment, Transcript};
use crate::whisper::{self, Sound};

/// A recording that is being recognized: an iterator over its segments. [`finish`](Self::finish) gives the rest at once.
pub struct Transcription<'a>(Kind<'a>);

enum Kind<'a> {
    Windows(Box<whisper::Transcription<'a>>),
    Parts(Box<Parts<'a>>),
}

impl<'a> Transcription<'a> {
    pub(super) fn new(
        recognizer: &'a Recognizer,
        sound: &'a (impl Sound + ?Sized),
        options: &RecognizeOptions,
    ) -> Result<Self> {
        Ok(Self(match recognizer {
            Recognizer::Whisper(whisper) => {
                Kind::Windows(Box::new(whisper.transcription(sound, &options.of_whisper()?)?))
            }
            Recognizer::Other(model) => Kind::Parts(Box::new(Parts::new(&**model, sound, options)?)),
        }))
    }

    /// The code of the language, as it was given or heard so far; empty if it is not known.
    pub fn language(&self) -> &str {
        match &self.0 {
            Kind::Windows(windows) => windows.language(),
            Kind::Parts(parts) => &parts.hearing.language,
        }
    }

    /// How many seconds of the recording are done.
    pub fn position(&self) -> f64 {
        match &self.0 {
            Kind::Windows(windows) => (**windows).position(),
            Kind::Parts(parts) => parts.position,
        }
    }

    /// How many seconds the recording has.
    pub fn duration(&self) -> f64 {
        match &self.0 {
            Kind::Windows(windows) => windows.duration(),
            Kind::Parts(parts) => parts.duration,
        }
    }

    /// All segments that are left.
    pub fn finish(mut self) -> Result<Transcript> {
        let segments = self.by_ref().collect::<Result<Vec<_>>>()?;
        Ok(Transcript::new(segments, self.language()))
    }
}

impl Iterator for Transcription<'_> {
    type Item = Result<Segment>;

    fn next(&mut self) -> Option<Result<Segment>> {
        match &mut self.0 {
            Kind::Windows(windows) => windows.next(),
            Kind::Parts(parts) => parts.advance(),
        }
    }
}

/// A model that hears parts, and what it heard so far.
pub(super) struct Hearing<'a> {
    model: &'a dyn Recognize,
    options: RecognizeOptions,
    pub(super) language: String,
    /// When the last segment ended, in seconds.
    spoken_until: f64,
}

impl<'a> Hearing<'a> {
    pub(super) fn new(model: &'a dyn Recognize, options: &RecognizeOptions) -> Result<Self> {
        options.check(model.name(), model.options())?;
        let language = options.language.clone().unwrap_or_default();
        Ok(Self { model, options: options.clone(), language, spoken_until: 0.0 })
    }

    /// The segments of a part in the time of the recording, none before the end of one that was there.
    pub(super) fn hear(&mut self, part: &Part) -> Result<Vec<Segment>> {
        if part.samples.iter().all(|&sample| sample == 0.0) {
            return Ok(Vec::new());
        }
        let mut segments = self.model.recognize(&part.samples, &self.options)?;
        if self.language.is_empty()
            && let Some(language) = self.model.language(&segments)
        {
            self.language = language;
        }
        let (begin, end) = (seconds(part.begin), seconds(part.begin + part.samples.len()));
        for segment in &mut segments {
            let place = |time: f64, from: f64| (time + begin).min(end).max(from);
            segment.start = place(segment.start, self.spoken_until);
            segment.end = place(segment.end, segment.start);
            for word in &mut segment.words {
                word.start = place(word.start, segment.start);
                word.end = place(word.end, word.start);
            }
            self.spoken_until = segment.end;
        }
        Ok(segments)
    }
}

pub(super) fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(Recognizer::RATE)
}

struct Parts<'a> {
    hearing: Hearing<'a>,
    cutter: Cutter<'a>,
    position: f64,
    duration: f64,
    ready: VecDeque<Segment>,
}

impl<'a> Parts<'a> {
    /// Hears the sound once before, for its length.
    fn new(
        model: &'a dyn Recognize,
        sound: &'a (impl Sound + ?Sized),
        options: &RecognizeOptions,
    ) -> Result<Self> {
        let hearing = Hearing::new(model, options)?;
        let mut samples = 0;
        for piece in sound.pieces()? {
            samples += piece?.len();
        }
        let cutter = Cutter::new(sound, model.longest())?;
        Ok(Self { hearing, cutter, position: 0.0, duration: seconds(samples), ready: VecDeque::new() })
    }

    /// The next segment; nothing behind the end or an error.
    fn advance(&mut self) -> Option<Result<Segment>> {
        while self.ready.is_empty() {
            let heard = match self.cutter.next()? {
                Ok(part) => {
                    self.position = seconds(part.begin + part.samples.len());
                    self.hearing.hear(&part)
                }
                Err(error) => Err(error),
            };
            match heard {
                Ok(segments) => self.ready.extend(segments),
                Err(error) => {
                    self.cutter.stop();
                    return Some(Err(error));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}
