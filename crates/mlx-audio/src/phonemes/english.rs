//! American English by the dictionaries and rules of `misaki`.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use voice_g2p::{G2P, G2PConfig};

use super::readings::readings;
use super::sentence::is_shortened;
use super::{Language, Token, espeak, letters};
use crate::{Error, Result};

/// Reads American English.
pub(super) struct English {
    g2p: G2P,
    /// What `espeak-ng` calls the language, if it is installed.
    espeak: Option<&'static str>,
}

/// A part of a sentence.
enum Part<'a> {
    /// What the dictionaries know.
    Known(&'a str),
    /// A word, and how it is spoken.
    Said(&'a str, String),
}

impl English {
    pub(super) fn new() -> Self {
        let espeak = Language::AMERICAN_ENGLISH.espeak().filter(|_| espeak::is_installed());
        // Words in no dictionary are found before it would ask the program for them.
        let config = G2PConfig { espeak_path: String::new() };
        Self { g2p: G2P::with_config(config), espeak }
    }

    pub(super) fn tokens(&self, sentence: &str) -> Result<Vec<Token>> {
        let mut parts = Vec::new();
        let mut rest = sentence;
        while let Some((before, [word, phonemes], after)) = marked(rest) {
            self.apart(before, &mut parts)?;
            parts.push(Part::Said(word, phonemes.to_owned()));
            rest = after;
        }
        self.apart(rest, &mut parts)?;
        let mut tokens: Vec<Token> = Vec::new();
        for part in parts {
            match part {
                Part::Said(word, phonemes) => {
                    tokens.push(Token { text: word.to_owned(), phonemes, space: false });
                }
                Part::Known(text) => {
                    if let (true, Some(last)) = (text.starts_with(char::is_whitespace), tokens.last_mut()) {
                        last.space = true;
                    }
                    let is_within = tokens.last().is_some_and(|last| !last.space);
                    tokens.extend(self.known(text, is_within)?);
                }
            }
        }
        Ok(tokens)
    }

    /// Takes the words out of a text that are in no dictionary, which would be left out.
    fn apart<'a>(&self, text: &'a str, parts: &mut Vec<Part<'a>>) -> Result<()> {
        let read = self.read_otherwise(text)?;
        let mut rest = text;
        let mut from = 0;
        while let Some((start, end)) = next_word(rest, from) {
            let word = rest.get(start..end).unwrap_or_default();
            let at = text.len() - rest.len() + start;
            if read.iter().any(|range| range.contains(&at)) || self.knows(word)? {
                from = end;
                continue;
            }
            parts.push(Part::Known(rest.get(..start).unwrap_or_default()));
            parts.push(Part::Said(word, self.guess(word)?));
            rest = rest.get(end..).unwrap_or_default();
            from = 0;
        }
        parts.push(Part::Known(rest));
        Ok(())
    }

    /// Where words are that are read as others, all of which are in a dictionary.
    fn read_otherwise(&self, text: &str) -> Result<Vec<Range<usize>>> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let mut found = Vec::new();
        let mut end = 0;
        for (word, reading) in words.iter().zip(readings(&words)) {
            let start = end + text.get(end..).and_then(|rest| rest.find(word)).unwrap_or_default();
            end = start + word.len();
            let Some(reading) = reading else { continue };
            let all = |known: Result<bool>, word: &str| Ok(known? && self.knows(word)?);
            let mut parts = reading.split(|letter: char| !letter.is_alphabetic() && letter != '\'');
            if parts.by_ref().filter(|part| !part.is_empty()).fold(Ok(true), all)? {
                found.push(start..end);
            }
        }
        Ok(found)
    }

    /// Whether all of a word is in a dictionary: of `iBlorp` only the first letter is.
    fn knows(&self, word: &str) -> Result<bool> {
        let found = |part: &str| Ok(!self.convert(part)?.trim().is_empty());
        if humps(word).len() < 2 || found(&word.to_lowercase())? {
            return found(word);
        }
        humps(word).into_iter().try_fold(true, |all, part| Ok(all && found(part)?))
    }

    fn guess(&self, word: &str) -> Result<String> {
        match self.espeak {
            Some(language) => espeak::word(word, language),
            None => letters::read(word).ok_or_else(|| unreadable(word)),
        }
    }

    /// A token for each word and for the signs around it, where as much is said of them all as of each. A text may begin within
    /// a word.
    fn known(&self, text: &str, is_within: bool) -> Result<Vec<Token>> {
        let written: Vec<&str> = text.split_whitespace().collect();
        let last = written.len().saturating_sub(1);
        let ends = text.ends_with(char::is_whitespace);
        // A full stop behind a title would be heard.
        let plain = |(at, word): (usize, &&'_ str)| match word.strip_suffix('.') {
            Some(bare) if is_shortened(bare) && (at < last || ends) => bare.to_owned(),
            _ => (*word).to_owned(),
        };
        let mut read = written.clone();
        if let (true, Some(first)) = (is_within, read.first_mut()) {
            // A hyphen, which would be a minus.
            *first = first.trim_start_matches('-');
        }
        let readings = readings(&read);
        let plain: Vec<String> = (written.iter().enumerate().zip(readings))
            .map(|(word, reading)| reading.unwrap_or_else(|| plain(word)))
            .collect();
        let all = self.convert(&plain.join(" "))?;
        let said: Vec<&str> = all.split_whitespace().collect();
        let each = plain.iter().map(|word| Ok(self.convert(word)?.split_whitespace().count()));
        let counts = each.collect::<Result<Vec<_>>>()?;
        if counts.iter().sum::<usize>() != said.len() {
            let text = written.join(" ");
            return Ok(vec![Token { text, phonemes: said.join(" "), space: ends }]);
        }
        let mut tokens = Vec::new();
        let mut said = said.into_iter();
        for (at, (word, count)) in written.into_iter().zip(counts).enumerate() {
            let phonemes = said.by_ref().take(count).collect::<Vec<_>>().join(" ");
            tokens.extend(signs_apart(word, &phonemes, at < last || ends));
        }
        Ok(tokens)
    }

    fn convert(&self, text: &str) -> Result<String> {
        // It slices words by bytes, so that what was written in no language could stop it.
        match catch_unwind(AssertUnwindSafe(|| self.g2p.convert(text))) {
            Ok(Ok(phonemes)) => Ok(phonemes),
            _ => Err(unreadable(text)),
        }
    }
}

/// What is before the first `[word](/phonemes/)`, both of its parts, and what is behind it.
fn marked(text: &str) -> Option<(&str, [&str; 2], &str)> {
    let (before, rest) = text.split_once('[')?;
    let found = rest.split_once("](/").and_then(|(word, rest)| {
        let (phonemes, after) = rest.split_once("/)")?;
        (!word.contains('[')).then_some((before, [word, phonemes], after))
    });
    found.or_else(|| {
        let (inner, parts, after) = marked(rest)?;
        let before = text.get(..before.len() + 1 + inner.len())?;
        Some((before, parts, after))
    })
}

/// Where the next word is behind a place: letters, with apostrophes between them.
fn next_word(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = text.get(from..)?;
    let start = from + rest.find(char::is_alphabetic)?;
    let word = text.get(start..)?;
    let end = word.find(|letter: char| !letter.is_alphabetic() && !matches!(letter, '\'' | '’' | '\u{301}'));
    let word = word.get(..end.unwrap_or(word.len()))?.trim_end_matches(['\'', '’']);
    Some((start, start + word.len()))
}

/// Parts of a word that begin with capitals.
fn humps(word: &str) -> Vec<&str> {
    let mut humps = Vec::new();
    let (mut start, mut was_small) = (0, false);
    for (at, letter) in word.char_indices() {
        if letter.is_uppercase() && was_small {
            humps.extend(word.get(start..at));
            start = at;
        }
        was_small = letter.is_lowercase();
    }
    humps.extend(word.get(start..));
    humps
}

/// A word with what is said of it, and the signs before and behind it as tokens of their own.
fn signs_apart(word: &str, phonemes: &str, space: bool) -> Vec<Token> {
    let is_sign = |phoneme: char| ";:,.!?—…\"()“”".contains(phoneme);
    let inner = phonemes.trim_matches(is_sign);
    let bare = word.trim_matches(|letter: char| !letter.is_alphanumeric());
    let token =
        |text: &str, phonemes: &str, space| Token { text: text.into(), phonemes: phonemes.into(), space };
    if let (Some((first, last)), Some((before, behind)), false) =
        (phonemes.split_once(inner), word.split_once(bare), inner.is_empty() || bare.is_empty())
    {
        let mut tokens = Vec::new();
        let (mut start, mut end) = (0, word.len());
        if !first.is_empty() && !before.is_empty() {
            tokens.push(token(before, first, false));
            start = before.len();
        }
        if !last.is_empty() && !behind.is_empty() {
            end -= behind.len();
        }
        let core = if start == 0 { phonemes.trim_end_matches(is_sign) } else { inner };
        let core = if end == word.len() { core.to_owned() + last } else { core.to_owned() };
        tokens.push(token(word.get(start..end).unwrap_or(bare), &core, space && end == word.len()));
        if end < word.len() {
            tokens.push(token(behind, last, space));
        }
        return tokens;
    }
    vec![token(word, phonemes, space)]
}

fn unreadable(what: &str) -> Error {
    let range =
        "it cannot be read as English: write it in Latin letters, or say how, as in `[Kokoro](/kˈOkəɹO/)`";
    Error::option("text", what, range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_words_are_found_between_other_brackets() {
        assert_eq!(marked("a [b] [c](/d/) e"), Some(("a [b] ", ["c", "d"], " e")));
        assert_eq!(marked("[c](d) [/e/]("), None);
    }

    #[test]
    fn signs_are_tokens_of_their_own_if_they_are_heard() {
        let parts = |word: &str, phonemes: &str| {
            let tokens = signs_apart(word, phonemes, true);
            tokens.into_iter().map(|token| (token.text, token.phonemes, token.space)).collect::<Vec<_>>()
        };
        let token = |text: &str, phonemes: &str, space| (text.to_owned(), phonemes.to_owned(), space);
        assert_eq!(
            parts("(so!?", "(sO!?"),
            [token("(", "(", false), token("so", "sO", false), token("!?", "!?", true)]
        );
        assert_eq!(parts("'tis", "tɪz"), [token("'tis", "tɪz", true)]);
        assert_eq!(parts("-so,", "sO,"), [token("-so", "sO", false), token(",", ",", true)]);
        assert_eq!(parts("...", "..."), [token("...", "...", true)]);
        assert_eq!(parts("→", ""), [token("→", "", true)]);
    }

    #[test]
    fn words_are_cut_at_capitals() {
        assert_eq!(humps("iPhoneX"), ["i", "Phone", "X"]);
        assert_eq!(humps("NASA"), ["NASA"]);
    }
}
