//! What was said, and when.

mod format;
mod subtitles;

use serde::Serialize;

pub use format::Format;

/// What was said in a recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Transcript {
    /// All of it.
    pub text: String,
    /// Its parts in time.
    pub segments: Vec<Segment>,
    /// The code of the language, such as `en`.
    pub language: String,
}

impl Transcript {
    /// The transcript of segments in this language.
    pub fn new(segments: Vec<Segment>, language: &str) -> Self {
        let text = segments.iter().map(|segment| segment.text.as_str()).collect::<String>();
        Self { text: text.trim().to_owned(), segments, language: language.to_owned() }
    }
}

/// Some words that belong together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Segment {
    /// Seconds from the beginning of the recording.
    pub start: f64,
    /// The end, in the same seconds.
    pub end: f64,
    /// What was said.
    pub text: String,
    /// The words, if they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Word>,
    /// The tokens of the text, with those of times.
    pub tokens: Vec<u32>,
    /// What scores were divided by before tokens were drawn; 0 if the likeliest were taken.
    pub temperature: f32,
    /// The mean logarithm of the probabilities of the window's tokens.
    pub avg_logprob: f32,
    /// How often the window's text is as long as its compressed bytes: much where words repeat.
    pub compression_ratio: f32,
    /// How likely it is that no one speaks in the window.
    pub no_speech_prob: f32,
}

/// A word, with the space before it and the punctuation at it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Word {
    /// The word.
    pub word: String,
    /// Seconds from the beginning of the recording.
    pub start: f64,
    /// The end, in the same seconds.
    pub end: f64,
    /// The mean probability of its tokens.
    pub probability: f32,
}
