//! Speech while it is spoken.
//!
//! What is still open is heard again each time more comes, and words are said when two hearings agree on them: Macháček et
//! al., "Turning Whisper into Real-Time Transcription System".

use super::options::TranscribeOptions;
use super::segments::Segments;
use super::session::Session;
use super::spectrogram::Spectrogram;
use super::transcribe::RATE as FRAME_RATE;
use super::{FRAMES, Whisper};
use crate::Result;
use crate::transcript::{Segment, Word};

/// Sound that comes piece by piece. [`push`](Self::push) gives the words that are certain by then.
pub struct Live<'a> {
    whisper: &'a Whisper,
    options: TranscribeOptions,
    session: Option<Session<'a>>,
    /// Samples from `start` on.
    samples: Vec<f32>,
    start: usize,
    /// Samples that were not heard yet.
    new: usize,
    /// Words that are certain, with the tokens of the window before.
    said: Vec<Word>,
    /// The last word that is certain ended then, in seconds.
    said_until: f64,
    /// What the last hearing found behind these.
    open: Vec<Word>,
}

/// Samples after which it is listened again.
const STEP: usize = Whisper::RATE as usize;

/// With more samples than these, those of certain words are dropped.
const LONG: usize = 15 * Whisper::RATE as usize;

/// The most that a window holds.
const MOST: usize = 30 * Whisper::RATE as usize;

/// A word may begin so many seconds before the last certain one ended, as times are not exact.
const TOLERANCE: f64 = 0.1;

impl Whisper {
    /// Begins to listen to sound that comes piece by piece. Times of words are always found.
    pub fn live(&self, options: &TranscribeOptions) -> Result<Live<'_>> {
        let options = TranscribeOptions { word_timestamps: true, ..options.clone() };
        options.check()?;
        Ok(Live {
            whisper: self,
            options,
            session: None,
            samples: Vec::new(),
            start: 0,
            new: 0,
            said: Vec::new(),
            said_until: 0.0,
            open: Vec::new(),
        })
    }
}

impl Live<'_> {
    /// Takes mono samples at 16 kHz, and gives the words that have become certain.
    pub fn push(&mut self, samples: &[f32]) -> Result<Vec<Word>> {
        let mut certain = Vec::new();
        for piece in samples.chunks(STEP) {
            self.samples.extend_from_slice(piece);
            self.new += piece.len();
            if self.new >= STEP {
                self.new = 0;
                certain.extend(self.listen()?);
            }
        }
        Ok(certain)
    }

    /// The words that were heard last and are not certain.
    pub fn open(&self) -> &[Word] {
        &self.open
    }

    /// The words that are left at the end.
    pub fn finish(mut self) -> Result<Vec<Word>> {
        let mut rest = if self.new > 0 { self.listen()? } else { Vec::new() };
        rest.append(&mut self.open);
        Ok(rest)
    }

    /// Hears all that is open, and says the words on which it agrees with the last hearing.
    fn listen(&mut self) -> Result<Vec<Word>> {
        let heard = self.hear()?;
        let new = heard.into_iter().flat_map(|segment| segment.words);
        let mut new: Vec<_> = new.filter(|word| word.start > self.said_until - TOLERANCE).collect();
        let repeated = repeated(&self.said, &new);
        new.drain(..repeated);
        let agreed =
            new.iter().zip(&self.open).take_while(|(new, old)| is_same(&new.word, &old.word)).count();
        let mut certain: Vec<_> = new.drain(..agreed).collect();
        self.open = new;
        // A window that is full is heard no better later.
        if self.samples.len() >= MOST {
            certain.append(&mut self.open);
        }
        if let Some(last) = certain.last() {
            self.said_until = last.end;
        }
        self.said.extend(certain.iter().cloned());
        self.drop_said();
        Ok(certain)
    }

    fn hear(&mut self) -> Result<Vec<Segment>> {
        let mut spectrogram = Spectrogram::new(&self.whisper.front, &self.samples[..])?;
        let frames = spectrogram.frames().min(FRAMES);
        let encoded = self.whisper.encode(&spectrogram.window(0, frames)?)?;
        // The first moments may be silent, or too short to tell one language from another.
        if self.said.is_empty() && self.options.language.is_none() {
            self.session = None;
        }
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(Session::new(self.whisper, &self.options, || Ok(encoded.clone()))?),
        };
        let heard = self.whisper.decoder.hear(&encoded)?;
        let windows = session.write(&heard, &[session.prompt(&session.initial_prompt()?)])?;
        let Some(window) = windows.into_iter().next().filter(|window| !window.is_silent(&self.options))
        else {
            return Ok(Vec::new());
        };
        let start = self.start as f64 / f64::from(Whisper::RATE);
        let mut found =
            Segments::of(&window, &self.whisper.vocabulary, start, frames as f64 / FRAME_RATE)?.segments;
        session.find_words(&mut found, &heard, (start, frames), &mut self.said_until.clone())?;
        Ok(found)
    }

    /// Drops samples of words that are certain, if there are many, and all that a full window has heard.
    fn drop_said(&mut self) {
        let until = (self.said_until * f64::from(Whisper::RATE)) as usize;
        let passed = if self.samples.len() >= MOST && until <= self.start {
            self.samples.len()
        } else if self.samples.len() >= LONG {
            until.saturating_sub(self.start).min(self.samples.len())
        } else {
            return;
        };
        self.samples.drain(..passed);
        self.start += passed;
    }
}

/// How many of the first words are the last ones that were said: the edge of a window may be heard twice.
fn repeated(said: &[Word], new: &[Word]) -> usize {
    let longest = said.len().min(new.len()).min(5);
    let same = |count: &usize| {
        let last = said.iter().skip(said.len() - count);
        last.zip(new).all(|(said, new)| is_same(&said.word, &new.word) && new.start < said.end)
    };
    (1..=longest).rev().find(same).unwrap_or(0)
}

/// Whether words differ in signs and case at most.
fn is_same(one: &str, other: &str) -> bool {
    let letters = |word: &str| -> String {
        word.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    letters(one) == letters(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Word> {
        let word = |(at, word): (u8, &str)| Word {
            word: word.to_owned(),
            start: f64::from(at),
            end: f64::from(at) + 2.0,
            probability: 1.0,
        };
        (0..).zip(text.split(' ')).map(word).collect()
    }

    #[test]
    fn words_that_are_heard_twice_are_said_once() {
        assert_eq!(repeated(&words("a b c"), &words("B, c d")), 2);
        assert_eq!(repeated(&words("a b c"), &words("d c")), 0);
        assert_eq!(repeated(&[], &words("a")), 0);
    }
}
