//! A Qwen3-ASR among other recognizers.

use mlx_core::Array;

use super::answer::Answer;
use super::{Options, Qwen3Asr};
use crate::recognizer::{Recognize, RecognizeOptions};
use crate::transcript::Segment;
use crate::{Recognizer, Result};

/// The first of the letters between which there are no spaces.
const UNSPACED: char = '\u{2e80}';

impl Recognize for Qwen3Asr {
    fn name(&self) -> &'static str {
        "qwen3_asr"
    }

    fn options(&self) -> &'static [&'static str] {
        &["language", "initial_prompt"]
    }

    fn longest(&self) -> usize {
        (Self::LONGEST * f64::from(Recognizer::RATE)) as usize
    }

    fn recognize(&self, samples: &[f32], options: &RecognizeOptions) -> Result<Vec<Segment>> {
        let RecognizeOptions { language, initial_prompt, .. } = options.clone();
        let options = Options { language, context: initial_prompt, max_tokens: None };
        let mut segments = self.recognize(samples, &options)?.segments;
        for segment in &mut segments {
            separate(&mut segment.text);
        }
        Ok(segments)
    }

    fn hidden(&self, samples: &[f32]) -> Result<Array> {
        self.hidden(samples)
    }

    fn language(&self, segments: &[Segment]) -> Option<String> {
        let written = self.tokenizer.decode(&segments.first()?.tokens, true).ok()?;
        Answer::parse(&written).language
    }
}

/// Puts a space before a text that is to follow another, in scripts that have any.
fn separate(text: &mut String) {
    if text.starts_with(|letter| letter < UNSPACED) {
        text.insert(0, ' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_apart_where_their_script_has_spaces() {
        for (text, expected) in [("So", " So"), ("Ё", " Ё"), ("好", "好"), ("한", "한"), ("", "")] {
            let mut found = text.to_owned();
            separate(&mut found);
            assert_eq!(found, expected);
        }
    }
}
