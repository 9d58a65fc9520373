//! A whole recording, window by window.
//!
//! As OpenAI's Whisper, `transcribe.py`: each window begins where the last whole segment of the one before ended.

use std::collections::VecDeque;

use mlx_core::Array;

use super::options::TranscribeOptions;
use super::segments::Segments;
use super::session::Session;
use super::spectrogram::{Sound, Spectrogram};
use super::{FRAMES, Whisper};
use crate::Result;
use crate::transcript::{Segment, Transcript};

/// Frames of the spectrogram a second.
pub(super) const RATE: f64 = 100.0;

/// From this temperature on, a text is too odd to go on from.
const ODD: f32 = 0.5;

/// A recording that is being transcribed: an iterator over its segments. [`finish`](Self::finish) gives the rest at once.
pub struct Transcription<'a> {
    session: Session<'a>,
    spectrogram: Spectrogram<'a>,
    /// The states of the first window, if the language was heard in it and it is still to come.
    first: Option<Array>,
    /// The frame at which the next window begins.
    seek: usize,
    /// All tokens that were written, the initial prompt before them.
    written: Vec<u32>,
    /// How many of them are not seen any more.
    forgotten: usize,
    /// When the last word ended, in seconds.
    spoken_until: f64,
    ready: VecDeque<Segment>,
}

impl<'a> Transcription<'a> {
    pub(super) fn new(
        whisper: &'a Whisper,
        sound: &'a (impl Sound + ?Sized),
        options: &TranscribeOptions,
    ) -> Result<Self> {
        let mut spectrogram = Spectrogram::new(&whisper.front, sound)?;
        let mut first = None;
        let session = Session::new(whisper, options, || {
            let encoded = whisper.encode(&spectrogram.window(0, FRAMES)?)?;
            Ok(first.insert(encoded).clone())
        })?;
        let written = session.initial_prompt()?;
        Ok(Self {
            session,
            spectrogram,
            first,
            seek: 0,
            written,
            forgotten: 0,
            spoken_until: 0.0,
            ready: VecDeque::new(),
        })
    }

    /// The code of the language, as it was given or heard.
    pub fn language(&self) -> &str {
        &self.session.language
    }

    /// How many seconds of the recording are done.
    pub fn position(&self) -> f64 {
        self.seek.min(self.spectrogram.frames()) as f64 / RATE
    }

    /// How many seconds the recording has.
    pub fn duration(&self) -> f64 {
        self.spectrogram.frames() as f64 / RATE
    }

    /// All segments that are left.
    pub fn finish(mut self) -> Result<Transcript> {
        let segments = self.by_ref().collect::<Result<Vec<_>>>()?;
        Ok(Transcript::new(segments, self.language()))
    }

    /// Writes down the next window.
    fn advance(&mut self) -> Result<()> {
        let Session { whisper, options, .. } = &self.session;
        let start = self.seek as f64 / RATE;
        let frames = FRAMES.min(self.spectrogram.frames() - self.seek);
        let encoded = match self.first.take() {
            Some(first) => first,
            None => whisper.encode(&self.spectrogram.window(self.seek, frames)?)?,
        };
        let heard = whisper.decoder.hear(&encoded)?;
        let before = self.written.get(self.forgotten..).unwrap_or_default();
        let windows = self.session.write(&heard, &[self.session.prompt(before)])?;
        let Some(window) = windows.into_iter().next().filter(|window| !window.is_silent(options)) else {
            self.seek += frames;
            return Ok(());
        };
        let mut found = Segments::of(&window, &whisper.vocabulary, start, frames as f64 / RATE)?;
        let mut next = self.seek + (found.next * RATE).round() as usize;
        if options.word_timestamps {
            self.session.find_words(&mut found.segments, &heard, (start, frames), &mut self.spoken_until)?;
            let last = last_end(&found.segments).filter(|&last| last > start && !found.ends_silent);
            next = last.map_or(next, |last| (last * RATE).round() as usize);
        }
        found.drop_empty();
        self.written.extend(found.segments.iter().flat_map(|segment| &segment.tokens));
        if !options.condition_on_previous_text || window.temperature > ODD {
            self.forgotten = self.written.len();
        }
        // A window without progress would be written for ever.
        self.seek = if next > self.seek { next } else { self.seek + frames };
        self.ready.extend(found.segments);
        Ok(())
    }
}

/// When the last word of segments ends, or the last segment, if there are no words.
fn last_end(segments: &[Segment]) -> Option<f64> {
    let mut words = segments.iter().rev().filter_map(|segment| segment.words.last());
    words.next().map(|word| word.end).or_else(|| segments.last().map(|segment| segment.end))
}

impl Iterator for Transcription<'_> {
    type Item = Result<Segment>;

    fn next(&mut self) -> Option<Result<Segment>> {
        while self.ready.is_empty() && self.seek < self.spectrogram.frames() {
            if let Err(error) = self.advance() {
                self.seek = self.spectrogram.frames();
                return Some(Err(error));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}
