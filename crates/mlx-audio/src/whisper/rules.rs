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
