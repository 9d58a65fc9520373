//! How well a text was heard: what differs between it and what was said.
//!
//! ```
//! use mlx_audio::score::{normalize, word_error_rate};
//!
//! let (said, heard) = ("Mr. Hall paid twenty-one dollars.", "Mister Hall paid $21");
//! assert_eq!(word_error_rate(&normalize(said, "en"), &normalize(heard, "en")), 0.0);
//! ```
//!
//! Rates of two systems can be compared if their texts went through the same normaliser: these are those of Whisper's paper.

mod basic;
mod english;
mod errors;
mod number_words;
mod numbers;
mod symbols;

pub use basic::BasicNormalizer;
pub use english::EnglishNormalizer;
pub use errors::{Errors, character_error_rate, word_error_rate};

/// Languages that are written without spaces, whose letters are compared instead of their words.
const WITHOUT_SPACES: [&str; 5] = ["zh", "ja", "th", "lo", "my"];

/// A text as Whisper's paper compares those of a language (`en`, `de` and so on): by [`EnglishNormalizer`] or
/// [`BasicNormalizer`], with spaces between letters where a language has none between words.
pub fn normalize(text: &str, language: &str) -> String {
    match language {
        "en" => EnglishNormalizer::default().normalize(text),
        _ => {
            let split_letters = WITHOUT_SPACES.contains(&language);
            BasicNormalizer { split_letters, ..BasicNormalizer::default() }.normalize(text)
        }
    }
}
