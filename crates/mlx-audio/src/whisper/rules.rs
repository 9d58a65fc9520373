//! What may be written next.
//!
//! The rules are those of OpenAI's Whisper, `decoding.py`: `SuppressBlank`, `SuppressTokens`, `ApplyTimestampRules`.

use super::numbers::log_sum_exp;
use super::vocabulary::{TICK, Vocabulary};

/// What may be written next.
pub(super) struct Rules<'a> {
    vocabulary: &'a Vocabulary,
    /// Tokens that stand for a space or nothing, which do not begin a text.
    blanks: Vec<u32>,
    timestamps: bool,
    /// The ticks before which a text with times begins.
    latest: Option<u32>,
}

impl<'a> Rules<'a> {
    /// Rules for texts with times or without them, the first of which is at most so many seconds.
    pub(super) fn new(
        vocabulary: &'a Vocabulary,
        timestamps: bool,
        latest: Option<f64>,
    ) -> crate::Result<Self> {
        let mut blanks = vocabulary.tokenizer.encode(" ", false)?;
        blanks.push(vocabulary.end);
        let latest = latest.map(|seconds| (seconds / TICK).round() as u32);
        Ok(Self { vocabulary, blanks, timestamps, latest })
    }

    /// Takes from `scores` those of tokens that may not follow `written`, which is what was written of a text.
    pub(super) fn apply(&self, scores: &mut [f32], written: &[u32]) {
        let mut suppress = |tokens: &[u32]| {
            for &token in tokens {
                forbid(scores, token..token + 1);
            }
        };
        suppress(&self.vocabulary.suppressed);
        if written.is_empty() {
            suppress(&self.blanks);
        }
        if self.timestamps {
            self.apply_times(scores, written);
        }
    }

    fn apply_times(&self, scores: &mut [f32], written: &[u32]) {
        let Vocabulary { end, times, no_timestamps, .. } = *self.vocabulary;
        let all = scores.len() as u32;
        forbid(scores, no_timestamps..no_timestamps + 1);
        let mut last = written.iter().rev().map(|&token| token >= times);
        let (after_time, after_two) = (last.next().unwrap_or(false), last.next().unwrap_or(true));
        // Times come in pairs, but for one before the end.
        if after_time && after_two {
            forbid(scores, times..all);
        } else if after_time {
            forbid(scores, 0..end);
        }
        if let Some(&time) = written.iter().rev().find(|&&token| token >= times) {
            // They do not go back, and no part is empty.
            let from = if after_time && !after_two { time } else { time + 1 };
            forbid(scores, times..from);
        }
        if written.is_empty() {
            forbid(scores, 0..times);
            if let Some(latest) = self.latest {
                forbid(scores, times + latest + 1..all);
            }
        }
        let (text, time) = scores.split_at((times as usize).min(scores.len()));
        let likeliest = text.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // Any time together is likelier than each text.
        if log_sum_exp(time) > likeliest {
            forbid(scores, 0..times);
        }
    }
}

fn forbid(scores: &mut [f32], tokens: std::ops::Range<u32>) {
    let end = (tokens.end as usize).min(scores.len());
    if let Some(scores) = scores.get_mut(tokens.start as usize..end) {
        scores.fill(f32::NEG_INFINITY);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use mlx_text::Tokenizer;

    use super::*;

    const TIMES: u32 = 265;
    const ALL: u32 = TIMES + 1501;

    fn vocabulary() -> Vocabulary {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/whisper");
        Vocabulary::new(Tokenizer::from_dir(folder).unwrap(), ALL).unwrap()
    }

    /// The ranges of tokens that may follow `written`, where each is as likely.
    fn allowed(written: &[u32]) -> Vec<(u32, u32)> {
        let vocabulary = vocabulary();
        let rules = Rules::new(&vocabulary, true, Some(1.0)).unwrap();
        // Text is so likely that times together are not likelier.
        let mut scores: Vec<f32> = (0..ALL).map(|token| if token < TIMES { 20.0 } else { 0.0 }).collect();
        rules.apply(&mut scores, written);
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for (token, _) in (0..).zip(&scores).filter(|(_, score)| **score > f32::NEG_INFINITY) {
            match ranges.last_mut() {
                Some((_, end)) if *end == token => *end += 1,
                _ => ranges.push((token, token + 1)),
            }
        }
        ranges
    }

    #[test]
    fn a_text_begins_with_a_time_that_is_not_late() {
        assert_eq!(allowed(&[]), [(TIMES, TIMES + 51)]);
    }

    #[test]
    fn behind_one_time_comes_text_and_behind_text_a_later_time() {
        let after_first = allowed(&[TIMES + 3]);
        assert!(after_first.iter().all(|&(_, end)| end <= TIMES), "{after_first:?}");
        let after_text = allowed(&[TIMES + 3, 70]);
        assert_eq!(after_text.last(), Some(&(TIMES + 4, ALL)));
        assert!(after_text.len() > 1);
    }

    #[test]
    fn times_come_in_pairs_that_do_not_go_back() {
        let after_end = allowed(&[TIMES + 3, 70, TIMES + 9]);
        // The end, and the token of a language.
        assert_eq!(after_end, [(256, 257), (258, 259), (TIMES + 9, ALL)]);
        let after_pair = allowed(&[TIMES + 3, 70, TIMES + 9, TIMES + 9]);
        assert!(after_pair.iter().all(|&(_, end)| end <= TIMES), "{after_pair:?}");
    }

    #[test]
    fn times_together_may_be_likelier_than_any_text() {
        let mut scores = vec![0.0; ALL as usize];
        let vocabulary = vocabulary();
        Rules::new(&vocabulary, true, None).unwrap().apply(&mut scores, &[TIMES + 3, 70]);
        assert!(scores[..TIMES as usize].iter().all(|&score| score == f32::NEG_INFINITY));
        let mut without = vec![0.0; ALL as usize];
        Rules::new(&vocabulary, false, None).unwrap().apply(&mut without, &[70]);
        assert_eq!(without[71], 0.0);
    }
}
