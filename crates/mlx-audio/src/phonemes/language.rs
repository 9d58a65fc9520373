//! The languages of Kokoro's voices.

use std::fmt;

use crate::{Error, Result};

/// A language that voices of Kokoro speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Language(Entry);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Entry {
    /// What the names of its voices begin with.
    letter: char,
    codes: &'static [&'static str],
    name: &'static str,
    /// What `espeak-ng` calls it, if its phonemes are those that the voices learned.
    espeak: Option<&'static str>,
}

const ALL: [Entry; 9] = [
    Entry { letter: 'a', codes: &["en-us", "en"], name: "American English", espeak: Some("en-us") },
    Entry { letter: 'b', codes: &["en-gb"], name: "British English", espeak: Some("en-gb") },
    Entry { letter: 'e', codes: &["es"], name: "Spanish", espeak: Some("es") },
    Entry { letter: 'f', codes: &["fr", "fr-fr"], name: "French", espeak: Some("fr-fr") },
    Entry { letter: 'h', codes: &["hi"], name: "Hindi", espeak: Some("hi") },
    Entry { letter: 'i', codes: &["it"], name: "Italian", espeak: Some("it") },
    Entry { letter: 'j', codes: &["ja"], name: "Japanese", espeak: None },
    Entry { letter: 'p', codes: &["pt-br", "pt"], name: "Brazilian Portuguese", espeak: Some("pt-br") },
    Entry { letter: 'z', codes: &["zh"], name: "Mandarin Chinese", espeak: None },
];

impl Language {
    /// American English.
    pub const AMERICAN_ENGLISH: Self = {
        let [american, ..] = ALL;
        Self(american)
    };
    /// British English.
    pub const BRITISH_ENGLISH: Self = {
        let [_, british, ..] = ALL;
        Self(british)
    };

    /// The language of a code such as `en-us`, of a name, or of the letter that its voices begin with.
    ///
    /// # Errors
    /// There is none.
    pub fn parse(text: &str) -> Result<Self> {
        let wanted = text.trim().to_lowercase().replace('_', "-");
        let is = |entry: &Entry| {
            entry.codes.contains(&wanted.as_str())
                || entry.name.to_lowercase() == wanted
                || wanted.chars().eq([entry.letter])
        };
        let found = ALL.into_iter().find(is).map(Self);
        found.ok_or_else(|| {
            let known: Vec<_> = ALL.iter().filter_map(|entry| entry.codes.first().copied()).collect();
            Error::option("language", text, format!("known are {}", known.join(", ")))
        })
    }

    /// The language of a voice such as `af_heart`; English where its name does not tell.
    pub fn of_voice(name: &str) -> Self {
        let mut letters = name.chars();
        let (letter, sex, line) = (letters.next(), letters.next(), letters.next());
        let named = matches!(sex, Some('f' | 'm')) && line == Some('_');
        let found = ALL.into_iter().find(|entry| named && letter == Some(entry.letter));
        found.map_or(Self::AMERICAN_ENGLISH, Self)
    }

    /// Its code, such as `en-us`.
    pub fn code(self) -> &'static str {
        self.0.codes.first().copied().unwrap_or_default()
    }

    pub(super) fn espeak(self) -> Option<&'static str> {
        self.0.espeak
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_known_by_code_name_letter_and_voice() {
        for text in ["en-gb", "EN_GB", "British English", "b"] {
            assert_eq!(Language::parse(text).unwrap(), Language::BRITISH_ENGLISH);
        }
        assert_eq!(Language::parse("fr").unwrap().code(), "fr");
        let error = Language::parse("klingon").unwrap_err().to_string();
        assert_eq!(error, "language is klingon: known are en-us, en-gb, es, fr, hi, it, ja, pt-br, zh");
        for (voice, code) in
            [("bf_emma", "en-gb"), ("jf_alpha", "ja"), ("alloy", "en-us"), ("my_voice", "en-us")]
        {
            assert_eq!(Language::of_voice(voice).code(), code);
        }
    }
}
