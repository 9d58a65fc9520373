//! Tokens with their times, as words and segments.

use crate::transcript::{Segment, Word};

/// A token that was heard, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedToken {
    /// The token.
    pub token: u32,
    /// Its text, in which a space at the beginning begins a word.
    pub text: String,
    /// Seconds from the beginning of what was heard.
    pub start: f64,
    /// The end, in the same seconds.
    pub end: f64,
    /// The logarithm of its probability.
    pub logprob: f32,
}

/// A word that is being put together.
#[derive(Default)]
struct Group {
    word: Word,
    tokens: Vec<u32>,
    logprobs: Vec<f32>,
}

/// Silence that divides segments, in seconds.
const PAUSE: f64 = 1.0;

/// What ends a sentence.
const ENDS: &[char] = &['.', '?', '!', '。', '？', '！'];

/// The segments of tokens in order of time: sentences, and what silence divides. They have their words if these are
/// asked for.
pub fn segments(spoken: &[TimedToken], words: bool) -> Vec<Segment> {
    let groups = groups(spoken);
    let mut segments = Vec::new();
    for part in groups.chunk_by(|a, b| !a.word.word.ends_with(ENDS) && b.word.start - a.word.end <= PAUSE) {
        let logprobs: Vec<f32> = part.iter().flat_map(|group| &group.logprobs).copied().collect();
        segments.push(Segment {
            start: part.first().map_or(0.0, |group| group.word.start),
            end: part.last().map_or(0.0, |group| group.word.end),
            text: part.iter().map(|group| group.word.word.as_str()).collect(),
            words: part.iter().filter(|_| words).map(|group| group.word.clone()).collect(),
            tokens: part.iter().flat_map(|group| &group.tokens).copied().collect(),
            avg_logprob: mean(&logprobs),
            ..Segment::default()
        });
    }
    segments
}

fn groups(spoken: &[TimedToken]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut spaced = true;
    for TimedToken { token, text, start, end, logprob } in spoken {
        let (ideograph, own) = (is_ideograph(text), text.trim_start());
        let begins = spaced || ideograph || own.len() < text.len();
        if own.is_empty() {
            spaced |= !text.is_empty();
            continue;
        }
        if begins {
            let gap = if ideograph && own.len() == text.len() { "" } else { " " };
            if let Some(last) = groups.last_mut() {
                last.word.end = last.word.end.min(*start).max(last.word.start);
            }
            let word = Word { word: gap.to_owned(), start: *start, ..Word::default() };
            groups.push(Group { word, ..Group::default() });
        }
        if let Some(Group { word, tokens, logprobs }) = groups.last_mut() {
            word.word.push_str(own);
            word.end = end.max(word.start);
            tokens.push(*token);
            logprobs.push(*logprob);
        }
        spaced = false;
    }
    for group in &mut groups {
        let probabilities: Vec<f32> = group.logprobs.iter().map(|logprob| logprob.exp()).collect();
        group.word.probability = mean(&probabilities);
    }
    groups
}

/// Whether a text begins with a sign of a script that has no spaces between words.
fn is_ideograph(text: &str) -> bool {
    text.chars().next().is_some_and(|sign| matches!(sign, '\u{2e80}'..='\u{2fff}' | '\u{3040}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'))
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(texts: &[(&str, f64, f64)]) -> Vec<TimedToken> {
        let one = |(at, &(text, start, end)): (usize, &(&str, f64, f64))| TimedToken {
            token: at as u32,
            text: text.to_owned(),
            start,
            end,
            logprob: 0.0,
        };
        texts.iter().enumerate().map(one).collect()
    }

    #[test]
    fn words_begin_at_spaces_and_segments_behind_sentences_and_silence() {
        let tokens = spoken(&[
            (" He", 0.1, 0.2),
            ("llo", 0.2, 0.4),
            (".", 0.4, 0.4),
            (" 3", 0.5, 0.6),
            (".5", 0.6, 0.7),
            (" up", 1.8, 2.0),
        ]);
        let found = segments(&tokens, true);
        let texts: Vec<_> = found.iter().map(|segment| segment.text.as_str()).collect();
        assert_eq!(texts, [" Hello.", " 3.5", " up"]);
        assert_eq!((found[0].start, found[0].end), (0.1, 0.4));
        assert_eq!(found[1].words[0].word, " 3.5");
        assert_eq!(found[1].tokens, [3, 4]);
        assert!(segments(&tokens, false).iter().all(|segment| segment.words.is_empty()));
    }

    #[test]
    fn a_space_alone_has_no_time_and_parts_of_a_frame_do_not_overlap() {
        let tokens = spoken(&[("A", 0.0, 0.1), (" ", 0.1, 0.5), ("B", 0.6, 0.7), (" C", 0.6, 0.7)]);
        let words = &segments(&tokens, true)[0].words;
        let found: Vec<_> = words.iter().map(|word| (word.word.as_str(), word.start, word.end)).collect();
        assert_eq!(found, [(" A", 0.0, 0.1), (" B", 0.6, 0.6), (" C", 0.6, 0.7)]);
    }

    #[test]
    fn ideographs_are_words_without_spaces() {
        let tokens = spoken(&[("你", 0.0, 0.1), ("好", 0.1, 0.2), ("。", 0.2, 0.2), ("再", 0.3, 0.4)]);
        let found = segments(&tokens, true);
        assert_eq!(found.iter().map(|segment| segment.text.as_str()).collect::<Vec<_>>(), ["你好。", "再"]);
        assert_eq!(found[0].words.len(), 2);
    }
}
