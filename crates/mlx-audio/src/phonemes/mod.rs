//! From text to phonemes, in the signs of Kokoro, which are those of the package `misaki`.
//!
//! [`Phonemizer`] reads a sentence; [`sentences`] cuts a text into them, and [`pieces`] what is too long to be spoken at
//! once.

#[cfg(feature = "english")]
mod amount;
#[cfg(feature = "english")]
mod english;
mod espeak;
mod language;
#[cfg(feature = "english")]
mod letters;
#[cfg(feature = "english")]
mod number_names;
mod pieces;
#[cfg(feature = "english")]
mod readings;
mod sentence;
#[cfg(feature = "english")]
mod units;

pub use language::Language;
pub use pieces::{Piece, pieces};
pub use sentence::sentences;

use crate::{Error, Result};

/// A word or a sign of a text, as it is spoken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// As it is written.
    pub text: String,
    /// As it is spoken; empty where it is not.
    pub phonemes: String,
    /// Whether a space follows.
    pub space: bool,
}

/// Turns texts of a language into phonemes.
///
/// American English is read by dictionaries of 180,000 words, with numbers, dates, times, money, units and abbreviations; words
/// in none of them are read by `espeak-ng` where it is installed, else by rules. British English, Spanish, French, Hindi, Italian and
/// Portuguese need `espeak-ng`.
pub struct Phonemizer {
    language: Language,
    engine: Engine,
}

enum Engine {
    #[cfg(feature = "english")]
    English(Box<english::English>),
    Espeak(&'static str),
}

impl Phonemizer {
    /// What reads this language.
    ///
    /// # Errors
    /// Nothing here reads it, or `espeak-ng`, which does, is not installed.
    pub fn new(language: Language) -> Result<Self> {
        Ok(Self { language, engine: Engine::of(language)? })
    }

    /// The language that it reads.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The words and signs of a sentence.
    ///
    /// `[Kokoro](/kˈOkəɹO/)` in an American English one says how a word is spoken.
    ///
    /// # Errors
    /// A word is not written in the letters of the language, or `espeak-ng` fails.
    pub fn tokens(&self, sentence: &str) -> Result<Vec<Token>> {
        match &self.engine {
            #[cfg(feature = "english")]
            Engine::English(english) => english.tokens(sentence),
            Engine::Espeak(voice) => espeak::tokens(sentence, voice),
        }
    }

    /// The phonemes of a sentence.
    ///
    /// # Errors
    /// As [`tokens`](Self::tokens).
    pub fn phonemes(&self, sentence: &str) -> Result<String> {
        Ok(joined(&self.tokens(sentence)?))
    }
}

impl Engine {
    fn of(language: Language) -> Result<Self> {
        #[cfg(feature = "english")]
        if language == Language::AMERICAN_ENGLISH {
            return Ok(Self::English(Box::new(english::English::new())));
        }
        let Some(voice) = language.espeak() else {
            return Err(Error::option(
                "language",
                language,
                "nothing here reads it: give phonemes instead of a text",
            ));
        };
        if !espeak::is_installed() {
            let range =
                "it is read by espeak-ng, which is not installed: install it, or give phonemes instead";
            return Err(Error::option("language", language, range));
        }
        Ok(Self::Espeak(voice))
    }
}

/// The phonemes of words and signs, with spaces where the text has them.
pub(crate) fn joined(tokens: &[Token]) -> String {
    let mut all = String::new();
    for token in tokens {
        all.push_str(&token.phonemes);
        if token.space && !all.is_empty() && !all.ends_with(' ') {
            all.push(' ');
        }
    }
    all.trim_end().to_owned()
}
