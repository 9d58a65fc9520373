//! A whole recording, window by window.
//!
//! As OpenAI's Whisper, `transcribe.py`: each window begins where the last whole segment of the one before ended.

use std::collections::VecDeque;

use mlx_core::Array;

use super::clips::Clips;
use super::hallucination::Silences;
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
    /// The frame at which the next window begins, unless that is between parts.
    seek: usize,
    clips: Clips,
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
            clips: Clips::new(&options.clip_timestamps, spectrogram.frames()),
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

    /// Writes down the next window, which reaches to the frame `end` at most.
    fn advance(&mut self, end: usize) -> Result<()> {
        let frames = FRAMES.min(end - self.seek);
        let encoded = self.encode(frames)?;
        let Session { whisper, options, .. } = &self.session;
        let start = self.seek as f64 / RATE;
        let heard = whisper.decoder.hear(&encoded)?;
        let before = self.written.get(self.forgotten..).unwrap_or_default();
        let windows = self.session.write(&heard, &[self.session.prompt(before)])?;
        let Some(window) = windows.into_iter().next().filter(|window| !window.is_silent(options)) else {
            self.seek += frames;
            return Ok(());
        };
        let mut found = Segments::of(&window, &whisper.vocabulary, start, frames as f64 / RATE)?;
        let mut next = self.seek + frame(found.next);
        if options.word_timestamps {
            let mut spoken_until = self.spoken_until;
            self.session.find_words(&mut found.segments, &heard, (start, frames), &mut spoken_until)?;
            let last = last_end(&found.segments).filter(|&last| last > start && !found.ends_silent);
            next = last.map_or(next, frame);
            if let Some(threshold) = options.hallucination_silence_threshold {
                let silences = self.silences(threshold, frames);
                if last.is_some_and(|last| silences.full - last <= threshold) {
                    next = self.seek + frames;
                }
                if let Some(gap) = silences.before_odd(&found.segments) {
                    self.seek += frame(gap).max(1);
                    return Ok(());
                }
                next = silences.cut(&mut found.segments).map_or(next, frame);
                spoken_until = last_end(&found.segments).unwrap_or(self.spoken_until);
            }
            self.spoken_until = spoken_until;
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

    /// The states of so many frames from here on.
    fn encode(&mut self, frames: usize) -> Result<Array> {
        let heard =
            self.first.take().filter(|_| self.seek == 0 && frames == FRAMES.min(self.spectrogram.frames()));
        match heard {
            Some(first) => Ok(first),
            None => self.session.whisper.encode(&self.spectrogram.window(self.seek, frames)?),
        }
    }

    fn silences(&self, threshold: f64, frames: usize) -> Silences {
        let time = |frame: usize| frame as f64 / RATE;
        Silences {
            threshold,
            start: time(self.seek),
            end: time(self.seek + frames),
            full: time(self.seek + FRAMES),
            last: time(self.spectrogram.frames()),
            spoken_until: self.spoken_until,
        }
    }
}

/// The frame at so many seconds.
fn frame(seconds: f64) -> usize {
    (seconds * RATE).round() as usize
}

/// When the last word of segments ends, or the last segment, if there are no words.
fn last_end(segments: &[Segment]) -> Option<f64> {
    let mut words = segments.iter().rev().filter_map(|segment| segment.words.last());
    words.next().map(|word| word.end).or_else(|| segments.last().map(|segment| segment.end))
}

impl Iterator for Transcription<'_> {
    type Item = Result<Segment>;

    fn next(&mut self) -> Option<Result<Segment>> {
        while self.ready.is_empty()
            && let Some((seek, end)) = self.clips.next(self.seek)
        {
            self.seek = seek;
            if let Err(error) = self.advance(end) {
                self.clips.clear();
                return Some(Err(error));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}
