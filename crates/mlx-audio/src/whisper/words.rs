//! Words and their times.
//!
//! As OpenAI's Whisper, `timing.py` and `tokenizer.py`.

use super::alignment::Alignment;
use super::languages::is_unspaced;
use super::vocabulary::Vocabulary;
use crate::Result;
use crate::transcript::{Segment, Word};

/// A word with its tokens, and its times within the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spoken {
    text: String,
    tokens: usize,
    start: f64,
    end: f64,
    probability: f32,
}

/// Punctuation that belongs to the word behind it.
pub(super) const OPENING: &str = "\"'“¿([{-";

/// Punctuation that belongs to the word before it.
pub(super) const CLOSING: &str = "\"'.。,，!！?？:：”)]}、";

/// What ends a sentence.
const STOPS: &str = ".。!！?？";

/// The words of a text with their times.
pub(super) fn spoken(
    vocabulary: &Vocabulary,
    language: &str,
    text: &[u32],
    alignment: &Alignment,
) -> Result<Vec<Spoken>> {
    let (mut words, mut at) = (Vec::new(), 0);
    for (text, tokens) in split(vocabulary, language, text)? {
        let time = |at: usize| alignment.starts.get(at).copied().unwrap_or_default();
        let probabilities = alignment.probabilities.get(at..at + tokens).unwrap_or_default();
        let probability = probabilities.iter().sum::<f32>() / tokens.max(1) as f32;
        words.push(Spoken { text, tokens, start: time(at), end: time(at + tokens), probability });
        at += tokens;
    }
    Ok(words)
}

/// The words of a text, and how many tokens each has.
fn split(vocabulary: &Vocabulary, language: &str, text: &[u32]) -> Result<Vec<(String, usize)>> {
    let whole = characters(vocabulary, text)?;
    if is_unspaced(language) {
        return Ok(whole);
    }
    let mut words: Vec<(String, usize)> = Vec::new();
    for (text, tokens) in whole {
        let alone = text.starts_with(' ') || is_one_of(text.trim(), PUNCTUATION);
        match words.last_mut() {
            Some((word, count)) if !alone => {
                word.push_str(&text);
                *count += tokens;
            }
            _ => words.push((text, tokens)),
        }
    }
    Ok(words)
}

/// Tokens that make whole characters, and how many each text has.
fn characters(vocabulary: &Vocabulary, text: &[u32]) -> Result<Vec<(String, usize)>> {
    let (mut parts, mut bytes, mut count) = (Vec::new(), Vec::new(), 0);
    for &token in text {
        bytes.extend(vocabulary.tokenizer.token_bytes(token)?.unwrap_or_default());
        count += 1;
        if let Ok(whole) = std::str::from_utf8(&bytes) {
            parts.push((whole.to_owned(), count));
            (bytes, count) = (Vec::new(), 0);
        }
    }
    if count > 0 {
        parts.push((String::from_utf8_lossy(&bytes).into_owned(), count));
    }
    Ok(parts)
}

/// The punctuation of ASCII.
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// How long a word is in the middle, and at most.
#[derive(Clone, Copy, Debug)]
struct Durations {
    median: f64,
    most: f64,
}

impl Durations {
    fn of(words: &[Spoken]) -> Option<Self> {
        let mut lengths: Vec<_> =
            words.iter().map(|word| word.end - word.start).filter(|&length| length != 0.0).collect();
        lengths.sort_by(f64::total_cmp);
        let middle = |at: usize| lengths.get(at).copied();
        let half = lengths.len() / 2;
        let median = match lengths.len() % 2 {
            1 => middle(half)?,
            _ => f64::midpoint(middle(half.checked_sub(1)?)?, middle(half)?),
        };
        let median = median.min(0.7);
        Some(Self { median, most: 2.0 * median })
    }
}

/// Gives the segments of a window that begins at `offset` seconds their words. `spoken_until` is when the last word before
/// the window ended, and then when the last of these does.
pub(super) fn give(
    segments: &mut [Segment],
    mut words: Vec<Spoken>,
    vocabulary: &Vocabulary,
    offset: f64,
    spoken_until: &mut f64,
) {
    let durations = Durations::of(&words).unwrap_or(Durations { median: 0.0, most: 0.0 });
    shorten_at_stops(&mut words, durations);
    attach_punctuation(&mut words);
    let mut words = words.into_iter();
    for segment in segments {
        let tokens = segment.tokens.iter().filter(|&&token| token < vocabulary.end).count();
        let mut taken = 0;
        while taken < tokens {
            let Some(word) = words.next() else { break };
            taken += word.tokens;
            if !word.text.is_empty() {
                let time = |seconds: f64| ((offset + seconds) * 100.0).round() / 100.0;
                let (start, end) = (time(word.start), time(word.end));
                segment.words.push(Word { word: word.text, start, end, probability: word.probability });
            }
        }
        fit(segment, durations, *spoken_until);
        if !segment.words.is_empty() {
            *spoken_until = segment.end;
        }
    }
}

/// A word that is too long at the edge of a sentence has silence in it.
fn shorten_at_stops(words: &mut [Spoken], Durations { most, .. }: Durations) {
    if most == 0.0 {
        return;
    }
    let is_stop = |word: &Spoken| !word.text.is_empty() && STOPS.contains(&word.text);
    let mut after_stop = words.first().is_some_and(is_stop);
    for word in words.iter_mut().skip(1) {
        let stop = is_stop(word);
        if word.end - word.start > most {
            if stop {
                word.end = word.start + most;
            } else if after_stop {
                word.start = word.end - most;
            }
        }
        after_stop = stop;
    }
}

/// Joins punctuation with the words that it belongs to. What was joined leaves an empty word behind.
fn attach_punctuation(words: &mut [Spoken]) {
    let mut next = words.len();
    for at in (0..words.len().saturating_sub(1)).rev() {
        let following = if next < words.len() { next } else { at + 1 };
        let Ok([word, after]) = words.get_disjoint_mut([at, following]) else { continue };
        if word.text.starts_with(' ') && is_one_of(word.text.trim(), OPENING) {
            after.text.insert_str(0, &word.text);
            after.tokens += std::mem::take(&mut word.tokens);
            word.text.clear();
            next = following;
        } else {
            next = at;
        }
    }
    let mut last = 0;
    for at in 1..words.len() {
        let Ok([word, after]) = words.get_disjoint_mut([last, at]) else { continue };
        if !word.text.ends_with(' ') && is_one_of(&after.text, CLOSING) {
            word.text.push_str(&std::mem::take(&mut after.text));
            word.tokens += std::mem::take(&mut after.tokens);
        } else {
            last = at;
        }
    }
}

/// Whether it is part of `signs`, as Python's `in` has it.
fn is_one_of(text: &str, signs: &str) -> bool {
    signs.contains(text)
}

/// Brings the times of a segment and of its first and last words together.
fn fit(segment: &mut Segment, Durations { median, most }: Durations, spoken_until: f64) {
    if let [first, rest @ ..] = segment.words.as_mut_slice() {
        // A word after a pause is seldom long.
        let second = rest.first_mut();
        let long_second = second.as_ref().is_some_and(|second| second.end - first.start > 2.0 * most);
        if first.end - spoken_until > 4.0 * median && (first.end - first.start > most || long_second) {
            if let Some(second) = second.filter(|second| second.end - second.start > most) {
                let edge = (second.end / 2.0).max(second.end - most);
                (first.end, second.start) = (edge, edge);
            }
            first.start = (first.end - most).max(0.0);
        }
        if segment.start < first.end && segment.start - 0.5 > first.start {
            first.start = segment.start.min(first.end - median).max(0.0);
        } else {
            segment.start = first.start;
        }
    }
    if let Some(last) = segment.words.last_mut() {
        if segment.end > last.start && segment.end + 0.5 < last.end {
            last.end = segment.end.max(last.start + median);
        } else {
            segment.end = last.end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(texts: &[&str]) -> Vec<Spoken> {
        let word = |(at, text): (u8, &&str)| Spoken {
            text: (*text).to_owned(),
            tokens: 1,
            start: f64::from(at),
            end: f64::from(at) + 1.0,
            probability: 1.0,
        };
        (0..).zip(texts).map(word).collect()
    }

    fn joined(texts: &[&str]) -> Vec<(String, usize)> {
        let mut words = words(texts);
        attach_punctuation(&mut words);
        words.into_iter().filter(|word| !word.text.is_empty()).map(|word| (word.text, word.tokens)).collect()
    }

    #[test]
    fn punctuation_goes_to_the_word_it_belongs_to() {
        assert_eq!(
            joined(&[" He", " said", ",", " \"", "no", "!", "\"", " ("]),
            [(" He", 1), (" said,", 2), (" \"no!\"", 4), (" (", 1)]
                .map(|(text, count)| (text.to_owned(), count))
        );
        assert_eq!(joined(&[" (", " [", "a"]), [(" ( [a".to_owned(), 3)]);
    }

    #[test]
    fn a_long_stop_and_a_long_word_behind_it_are_cut() {
        let mut words = words(&[" a", " b", ".", " c", " d"]);
        words[2].end = 9.0;
        words[3].start = 3.5;
        words[3].end = 12.0;
        shorten_at_stops(&mut words, Durations { median: 0.5, most: 1.0 });
        assert_eq!((words[2].end, words[3].start, words[3].end), (3.0, 11.0, 12.0));
    }

    #[test]
    fn the_median_of_lengths_leaves_out_those_without() {
        let mut four = words(&["a", "b", "c", "d"]);
        four[0].end = four[0].start;
        four[1].end = four[1].start + 0.1;
        four[2].end = four[2].start + 0.3;
        assert!((Durations::of(&four).unwrap().median - 0.3).abs() < 1e-9);
        assert!(Durations::of(&four[..1]).is_none());
    }
}
