//! Looking for the likeliest text, several at a time.
//!
//! It follows the beam search of transformers: of all continuations the best are looked at, twice as many as there are
//! beams; those among the first that end are kept, and the best others go on.

use mlx_core::{Array, Dtype, Result as MlxResult};
use mlx_nn::log_softmax;
use serde::Deserialize;

use super::bart::{Bart, Written};
use super::config::Marks;
use crate::{Error, Result};

/// How a text is looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// How many texts are followed at a time: 1 takes the likeliest token each time.
    pub beams: usize,
    /// The most tokens.
    pub max_tokens: usize,
    /// So many tokens in a row come only once; 0 lets them repeat.
    pub no_repeat_ngram: usize,
    /// The exponent of the length, by which a text's score is divided: larger ones favour longer texts.
    pub length_penalty: f32,
    /// When to stop while texts could go on.
    pub early_stopping: EarlyStopping,
}

/// When a search stops that has as many whole texts as beams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Stored")]
pub enum EarlyStopping {
    /// At once.
    Always,
    /// When none that goes on has a better score as it is.
    Heuristic,
    /// When none that goes on could have a better score at its greatest length.
    Never,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Flag(bool),
    Word(String),
}

impl TryFrom<Stored> for EarlyStopping {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        match stored {
            Stored::Flag(true) => Ok(Self::Always),
            Stored::Flag(false) => Ok(Self::Heuristic),
            Stored::Word(word) if word == "never" => Ok(Self::Never),
            Stored::Word(word) => {
                Err(format!("early_stopping is `{word}`: it must be true, false or \"never\""))
            }
        }
    }
}

impl Default for Search {
    /// Three beams, as the authors use them, and texts of up to 1024 tokens.
    fn default() -> Self {
        Self {
            beams: 3,
            max_tokens: 1024,
            no_repeat_ngram: 0,
            length_penalty: 1.0,
            early_stopping: EarlyStopping::Heuristic,
        }
    }
}

/// A text and the sum of the logarithms of its tokens' probabilities, or with its end, that by its length.
#[derive(Clone, Debug)]
struct Text {
    tokens: Vec<u32>,
    score: f32,
}

/// A continuation: the text, the token and the sum of both.
#[derive(Clone, Copy, Debug)]
struct Next {
    parent: usize,
    token: u32,
    score: f32,
}

/// The texts of a search, each with the token that began it.
struct Beams<'s> {
    search: &'s Search,
    marks: Marks,
    running: Vec<Text>,
    ended: Vec<Text>,
}

/// The most beams.
const MOST: usize = 64;

impl Search {
    /// The tokens of the best text, from the first that was written to the end.
    pub(super) fn run(&self, bart: &Bart, mut written: Written, marks: Marks) -> Result<Vec<u32>> {
        if !(1..=MOST).contains(&self.beams) || self.max_tokens == 0 || !self.length_penalty.is_finite() {
            let problem =
                format!("a search takes from 1 to {MOST} beams, some tokens and a finite length_penalty");
            return Err(Error::Prompt(problem));
        }
        let mut beams = Beams::new(self, marks);
        loop {
            let last: Vec<u32> =
                beams.running.iter().filter_map(|text| text.tokens.last().copied()).collect();
            let tokens = Array::from_slice(&last, [i32::try_from(last.len()).unwrap_or(i32::MAX), 1])?;
            let scores = probabilities(&bart.decode(&tokens, &mut written)?)?;
            let width = scores.len() / last.len().max(1);
            let mut rows: Vec<_> = scores.chunks(width.max(1)).map(<[f32]>::to_vec).collect();
            let Some(parents) = beams.advance(&mut rows) else { break };
            written.take_rows(&parents)?;
        }
        Ok(beams.best())
    }
}

/// The logarithms of probabilities of the next tokens, row by row.
fn probabilities(scores: &Array) -> MlxResult<Vec<f32>> {
    log_softmax(&scores.astype(Dtype::Float32)?, -1)?.to_vec()
}

impl<'s> Beams<'s> {
    fn new(search: &'s Search, marks: Marks) -> Self {
        let running = vec![Text { tokens: vec![marks.start], score: 0.0 }];
        Self { search, marks, running, ended: Vec::new() }
    }

    /// Goes on by a token, of which `rows` are the scores. Which text each of those that go on had been; none if the
    /// search is over.
    fn advance(&mut self, rows: &mut [Vec<f32>]) -> Option<Vec<i32>> {
        let beams = self.search.beams;
        let count = self.running.first()?.tokens.len();
        for (text, row) in self.running.iter().zip(rows.iter_mut()) {
            self.restrict(&text.tokens, row);
        }
        let full = count >= self.search.max_tokens;
        let (mut running, mut parents) = (Vec::new(), Vec::new());
        let kept = if beams == 1 { 1 } else { 2 * beams };
        for (rank, next) in self.continuations(rows, kept).into_iter().enumerate() {
            let mut tokens = self.running.get(next.parent)?.tokens.clone();
            tokens.push(next.token);
            if next.token == self.marks.end || full {
                if rank < beams {
                    self.ended.push(Text {
                        tokens,
                        score: next.score / (count as f32).powf(self.search.length_penalty),
                    });
                }
            } else if running.len() < beams {
                running.push(Text { tokens, score: next.score });
                parents.push(i32::try_from(next.parent).unwrap_or(i32::MAX));
            }
        }
        self.ended.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.ended.truncate(beams);
        self.running = running;
        (!self.is_over(count)).then_some(parents)
    }

    /// Forbids what may not follow.
    fn restrict(&self, tokens: &[u32], row: &mut [f32]) {
        let size = self.search.no_repeat_ngram;
        if let Some(begin) = (size > 0).then(|| (tokens.len() + 1).checked_sub(size)).flatten() {
            let behind = tokens.get(begin..).unwrap_or_default();
            for ngram in tokens.windows(size).filter(|ngram| ngram.starts_with(behind)) {
                if let Some(score) = ngram.last().and_then(|token| row.get_mut(*token as usize)) {
                    *score = f32::NEG_INFINITY;
                }
            }
        }
        let forced = [
            self.marks.first.filter(|_| tokens.len() == 1),
            self.marks.last.filter(|_| tokens.len() == self.search.max_tokens),
        ];
        for token in forced.into_iter().flatten() {
            row.fill(f32::NEG_INFINITY);
            if let Some(score) = row.get_mut(token as usize) {
                *score = 0.0;
            }
        }
    }

    /// The best of all continuations, from the best down.
    fn continuations(&self, rows: &[Vec<f32>], kept: usize) -> Vec<Next> {
        let mut best: Vec<Next> = Vec::with_capacity(kept + 1);
        for (parent, (text, row)) in self.running.iter().zip(rows).enumerate() {
            for (token, score) in (0..).zip(row.iter().map(|score| text.score + score)) {
                let last = best.last().map_or(f32::NEG_INFINITY, |last| last.score);
                if score > f32::NEG_INFINITY && (best.len() < kept || score > last) {
                    let place = best.partition_point(|other| other.score >= score);
                    best.insert(place, Next { parent, token, score });
                    best.truncate(kept);
                }
            }
        }
        best
    }

    /// Whether no text can, or needs to, go on behind so many tokens.
    fn is_over(&self, count: usize) -> bool {
        let Search { beams, max_tokens, length_penalty, early_stopping, .. } = *self.search;
        let Some(best) = self.running.first() else { return true };
        let Some(worst) = self.ended.last().filter(|_| self.ended.len() == beams) else { return false };
        if early_stopping == EarlyStopping::Always || beams == 1 {
            return true;
        }
        let longest = early_stopping == EarlyStopping::Never && length_penalty > 0.0;
        let length = if longest { max_tokens } else { count };
        best.score / (length as f32).powf(length_penalty) <= worst.score
    }

    /// The best text, without the token that began it.
    fn best(self) -> Vec<u32> {
        let best = self.ended.into_iter().chain(self.running).next();
        best.map_or_else(Vec::new, |text| text.tokens.into_iter().skip(1).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: Marks = Marks { start: 2, first: None, last: None, end: 2 };

    fn search() -> Search {
        Search { beams: 2, max_tokens: 3, ..Search::default() }
    }

    #[test]
    fn a_text_that_begins_worse_can_end_better() {
        let search = search();
        let mut beams = Beams::new(&search, MARKS);
        assert_eq!(beams.advance(&mut [vec![-1.0, -1.1, -9.0]]), Some(vec![0, 0]));
        let second = beams.advance(&mut [vec![-3.0, -3.0, -3.0], vec![-0.1, -5.0, -9.0]]);
        assert_eq!(second, Some(vec![1, 0]));
        assert_eq!(beams.advance(&mut [vec![-9.0, -9.0, -0.1], vec![-9.0, -9.0, -0.1]]), None);
        assert_eq!(beams.best(), [1, 0, 2]);
    }

    #[test]
    fn what_came_once_does_not_come_again() {
        let search = Search { no_repeat_ngram: 2, ..search() };
        let beams = Beams::new(&search, MARKS);
        let mut row = vec![0.0; 3];
        beams.restrict(&[2, 0, 1, 0], &mut row);
        assert_eq!(row, [0.0, f32::NEG_INFINITY, 0.0]);
        let mut row = vec![0.0; 3];
        beams.restrict(&[2], &mut row);
        assert_eq!(row, [0.0; 3]);
    }

    #[test]
    fn the_first_and_the_last_token_can_be_given() {
        let search = search();
        let beams = Beams::new(&search, Marks { first: Some(1), last: Some(2), ..MARKS });
        let mut row = vec![-1.0; 3];
        beams.restrict(&[2], &mut row);
        assert_eq!(row, [f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY]);
        row.fill(-1.0);
        beams.restrict(&[2, 1, 0], &mut row);
        assert_eq!(row, [f32::NEG_INFINITY, f32::NEG_INFINITY, 0.0]);
    }
}
