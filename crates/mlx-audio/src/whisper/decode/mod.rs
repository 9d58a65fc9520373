//! From what was heard in a window to its text.
//!
//! The searches and their scores are those of OpenAI's Whisper, `decoding.py`.

mod beam;
mod sample;

use mlx_core::{Array, Dtype};

use super::decoder::{Decoder, Heard};
use super::numbers::normalize;
use super::rules::Rules;
use super::vocabulary::Vocabulary;
use crate::{Error, Result};

use beam::Beam;
use sample::Sample;

/// How the text of a window is searched for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Search {
    /// What scores are divided by before a token is drawn; 0 takes the likeliest.
    pub(super) temperature: f32,
    /// Texts that are followed at once at temperature 0; one follows only the likeliest token.
    pub(super) beam_size: usize,
    /// How many times as many texts as there are beams are waited for.
    pub(super) patience: f32,
    /// Texts that are drawn at other temperatures, of which the likeliest is taken.
    pub(super) best_of: usize,
    /// The exponent of (5 + length) / 6 that sums are divided by; without it that is the length.
    pub(super) length_penalty: Option<f32>,
    /// The most tokens of a text.
    pub(super) most: usize,
    pub(super) seed: u64,
}

/// A text that was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Text {
    /// Tokens, without the end.
    pub(super) tokens: Vec<u32>,
    /// The logarithm of the whole text's probability.
    pub(super) sum: f32,
}

impl Text {
    /// The mean over all tokens and the end.
    pub(super) fn mean(&self) -> f32 {
        self.sum / (self.tokens.len() + 1) as f32
    }

    fn rank(&self, length_penalty: Option<f32>) -> f32 {
        let length = self.tokens.len().max(1) as f32;
        let by = length_penalty.map_or(length, |penalty| ((5.0 + length) / 6.0).powf(penalty));
        self.sum / by
    }
}

/// A text, and how likely it is that no one speaks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) text: Text,
    pub(super) no_speech: f32,
}

/// How the rows of a window go on: the row that each continues, and its token.
type Next = Vec<(usize, u32)>;

/// The rows of a window.
enum Rows {
    Sample(Sample),
    Beam(Beam),
}

impl Rows {
    fn new(search: &Search, end: u32, window: u64) -> Self {
        if search.temperature == 0.0 && search.beam_size > 1 {
            Self::Beam(Beam::new(search, end))
        } else {
            Self::Sample(Sample::new(search, end, window))
        }
    }

    /// Goes on by a token with the probabilities' logarithms for each row; with none, the window is done.
    fn advance(&mut self, rows: &mut [&mut [f32]], rules: &Rules<'_>) -> Next {
        let texts = self.texts();
        for (row, text) in rows.iter_mut().zip(texts) {
            rules.apply(row, &text.tokens);
            normalize(row);
        }
        match self {
            Self::Sample(sample) => sample.advance(rows),
            Self::Beam(beam) => beam.advance(rows),
        }
    }

    fn texts(&self) -> &[Text] {
        match self {
            Self::Sample(sample) => sample.texts(),
            Self::Beam(beam) => beam.texts(),
        }
    }

    fn finish(self, length_penalty: Option<f32>) -> Text {
        let texts = match self {
            Self::Sample(sample) => sample.finish(),
            Self::Beam(beam) => beam.finish(),
        };
        let ranks = |text: &Text| text.rank(length_penalty);
        let best =
            texts.into_iter().reduce(|best, text| if ranks(&text) > ranks(&best) { text } else { best });
        best.unwrap_or_default()
    }
}

/// A decoder with the rules of its vocabulary.
pub(super) struct Writer<'a> {
    pub(super) decoder: &'a Decoder,
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) context: usize,
    pub(super) rules: &'a Rules<'a>,
}

impl Writer<'_> {
    /// The texts of all windows in `heard`, each behind its prompt. Prompts are of one length.
    pub(super) fn write(
        &self,
        mut heard: Heard,
        prompts: &[Vec<u32>],
        search: &Search,
    ) -> Result<Vec<Found>> {
        let Some(length) =
            prompts.first().map(Vec::len).filter(|&length| length > 0 && length < self.context)
        else {
            return Err(Error::option("prompt", 0, format!("it must have 1 to {} tokens", self.context - 1)));
        };
        let tokens: Vec<_> = prompts.iter().flatten().copied().collect();
        let states = self.decoder.forward(&rows(&tokens, prompts.len())?, &mut heard)?;
        let silent = self.no_speech(&states, prompts)?;
        let last = states.index((.., -1))?;
        let mut scores = self.scores(&last)?;
        let mut windows: Vec<_> =
            (0..).zip(prompts).map(|(at, _)| Rows::new(search, self.vocabulary.end, at)).collect();
        // The windows that are not done, in the order of their rows.
        let mut open: Vec<usize> = (0..windows.len()).collect();
        for _ in 0..search.most.min(self.context - length) {
            let (still, parents, tokens) = self.advance(&mut windows, &open, &mut scores);
            if still.is_empty() {
                break;
            }
            if still.len() < open.len() {
                let kept: Vec<_> = (0..).zip(&open).filter(|(_, window)| still.contains(window)).collect();
                heard.keep_windows(&kept.into_iter().map(|(at, _)| at).collect::<Vec<i32>>())?;
            }
            open = still;
            heard.continue_rows(&parents)?;
            let states = self.decoder.forward(&rows(&tokens, tokens.len())?, &mut heard)?;
            scores = self.scores(&states.index((.., -1))?)?;
        }
        let texts = windows.into_iter().map(|window| window.finish(search.length_penalty));
        Ok(texts.zip(silent).map(|(text, no_speech)| Found { text, no_speech }).collect())
    }

    /// Goes on by a token in all open windows: those that are not done then, and of their rows the one that each continues,
    /// and its token.
    fn advance(
        &self,
        windows: &mut [Rows],
        open: &[usize],
        scores: &mut [f32],
    ) -> (Vec<usize>, Vec<i32>, Vec<u32>) {
        let width = scores.len()
            / open.iter().filter_map(|&at| windows.get(at)).map(|w| w.texts().len()).sum::<usize>().max(1);
        let mut rows: Vec<_> = scores.chunks_exact_mut(width.max(1)).collect();
        let (mut still, mut parents, mut tokens, mut first) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for &at in open {
            let Some(window) = windows.get_mut(at) else { continue };
            let count = window.texts().len();
            let Some(own) = rows.get_mut(first..first + count) else { continue };
            let next = window.advance(own, self.rules);
            if !next.is_empty() {
                still.push(at);
            }
            for (parent, token) in next {
                parents.push(i32::try_from(first + parent).unwrap_or(i32::MAX));
                tokens.push(token);
            }
            first += count;
        }
        (still, parents, tokens)
    }

    fn scores(&self, states: &Array) -> Result<Vec<f32>> {
        Ok(self.decoder.scores(states)?.astype(Dtype::Float32)?.to_vec()?)
    }

    /// How likely it is for each window that no one speaks, which is asked for where its text starts.
    fn no_speech(&self, states: &Array, prompts: &[Vec<u32>]) -> Result<Vec<f32>> {
        let start = |prompt: &Vec<u32>| prompt.iter().rposition(|&token| token == self.vocabulary.start);
        let Some(at) = prompts.first().and_then(start).and_then(|at| i32::try_from(at).ok()) else {
            return Ok(vec![0.0; prompts.len()]);
        };
        let mut scores = self.scores(&states.index((.., at))?)?;
        let width = scores.len() / prompts.len().max(1);
        let probability = |row: &mut [f32]| {
            normalize(row);
            row.get(self.vocabulary.no_speech as usize).map_or(0.0, |score| score.exp())
        };
        Ok(scores.chunks_exact_mut(width.max(1)).map(probability).collect())
    }
}

/// Tokens as so many rows.
fn rows(tokens: &[u32], count: usize) -> mlx_core::Result<Array> {
    let size = |size: usize| i32::try_from(size).unwrap_or(i32::MAX);
    Array::from_slice(tokens, [size(count), size(tokens.len() / count.max(1))])
}
