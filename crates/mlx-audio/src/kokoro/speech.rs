//! A text while it is spoken.

use std::collections::VecDeque;

use super::{Kokoro, SpeakOptions, Voice};
use crate::phonemes::{Language, Piece};
use crate::{Audio, Error, Result};

/// Seconds of a frame.
const FRAME: f64 = 0.025;

/// A text that is being spoken: an iterator over its pieces, which computes each when it is asked for.
pub struct Speech<'a> {
    kokoro: &'a Kokoro,
    voice: Voice,
    options: SpeakOptions,
    sentences: VecDeque<String>,
    /// How many sentences there are.
    all: usize,
    /// What is left of a sentence.
    pieces: VecDeque<Piece>,
    /// Samples so far.
    samples: usize,
    /// Pieces so far.
    spoken: u64,
    failed: bool,
}

/// A piece of a text: a sentence, or a part of a long one.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    /// What is written.
    pub text: String,
    /// What is said.
    pub phonemes: String,
    /// Where it begins in all that is spoken, in seconds.
    pub start: f64,
    /// Its words, with seconds in all that is spoken.
    pub words: Vec<SpokenWord>,
    /// Its sound, with the pause behind it.
    pub audio: Audio,
}

/// A word, and when it is spoken.
#[derive(Clone, Debug, PartialEq)]
pub struct SpokenWord {
    /// As it is written.
    pub word: String,
    /// Seconds from the beginning.
    pub start: f64,
    /// The end, in the same seconds.
    pub end: f64,
}

impl<'a> Speech<'a> {
    pub(super) fn new(
        kokoro: &'a Kokoro,
        sentences: Vec<String>,
        voice: Voice,
        options: SpeakOptions,
    ) -> Self {
        let all = sentences.len();
        Self {
            kokoro,
            voice,
            options,
            sentences: sentences.into(),
            all,
            pieces: VecDeque::new(),
            samples: 0,
            spoken: 0,
            failed: false,
        }
    }

    /// Sentences that were begun, and all there are.
    pub fn progress(&self) -> [usize; 2] {
        [self.all - self.sentences.len(), self.all]
    }

    /// All that is left, as one sound.
    ///
    /// # Errors
    /// A piece fails, or there is nothing that can be spoken.
    pub fn finish(self) -> Result<Audio> {
        let mut samples = Vec::new();
        for spoken in self {
            samples.extend_from_slice(spoken?.audio.samples());
        }
        if samples.is_empty() {
            return Err(Error::option("text", "empty", "it must have a word that can be spoken"));
        }
        Audio::new(samples, 1, Kokoro::RATE)
    }

    fn speak(&mut self, piece: &Piece) -> Result<Spoken> {
        let phonemes = piece.phonemes();
        let prosody = self.kokoro.prosody(&phonemes, &self.voice, self.options.speed)?;
        let seed = self.options.seed.wrapping_add(self.spoken.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let audio = self.kokoro.say(&phonemes, &self.voice, &prosody, seed)?;
        let start = self.samples as f64 / f64::from(Kokoro::RATE);
        let words = words(piece, &prosody.durations, start);
        let mut samples = audio.samples().to_vec();
        if self.pieces.is_empty() && !self.sentences.is_empty() {
            let pause = self.options.pause.as_secs_f64() * f64::from(Kokoro::RATE);
            samples.resize(samples.len() + pause as usize, 0.0);
        }
        self.samples += samples.len();
        self.spoken += 1;
        Ok(Spoken {
            text: piece.text(),
            phonemes,
            start,
            words,
            audio: Audio::new(samples, 1, Kokoro::RATE)?,
        })
    }

    fn advance(&mut self) -> Result<Option<Spoken>> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                return self.speak(&piece).map(Some);
            }
            let Some(sentence) = self.sentences.pop_front() else { return Ok(None) };
            let language = self.options.language.unwrap_or(Language::AMERICAN_ENGLISH);
            self.pieces = self.kokoro.read(&sentence, language)?.into();
        }
    }
}

impl Iterator for Speech<'_> {
    type Item = Result<Spoken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.advance().transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

/// The words of a piece, of which `durations` has the frames of each phoneme between two silences.
fn words(piece: &Piece, durations: &[i32], start: f64) -> Vec<SpokenWord> {
    let mut frames = vec![0];
    frames.extend(durations.iter().scan(0, |sum, &count| {
        *sum += count;
        Some(*sum)
    }));
    let second = |phoneme: usize| start + FRAME * f64::from(frames.get(phoneme).copied().unwrap_or_default());
    let (mut words, mut at) = (Vec::new(), 1);
    let mut behind_space = true;
    for token in &piece.tokens {
        let next = at + token.phonemes.chars().count();
        if next > at && token.text.chars().any(char::is_alphanumeric) {
            words.push(SpokenWord { word: token.text.clone(), start: second(at), end: second(next) });
        }
        // As phonemes are joined: no space at the beginning, nor two of them.
        behind_space = behind_space && next == at;
        at = next;
        if token.space && !behind_space {
            at += 1;
            behind_space = true;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phonemes::Token;

    #[test]
    fn words_have_the_times_of_their_phonemes() {
        let token =
            |text: &str, phonemes: &str, space| Token { text: text.into(), phonemes: phonemes.into(), space };
        let tokens = vec![
            token("→", "", true),
            token("Oh", "O", false),
            token(",", ",", true),
            token("no", "nO", false),
        ];
        let piece = Piece { tokens };
        assert_eq!(piece.phonemes(), "O, nO");
        let found = words(&piece, &[10, 4, 2, 3, 5, 6, 20], 1.0);
        let word = |word: &str, start, end| SpokenWord { word: word.into(), start, end };
        assert_eq!(found, [word("Oh", 1.25, 1.35), word("no", 1.475, 1.75)]);
    }
}
