//! Long texts in pieces.

use std::iter;
use std::ops::Range;

use mlx_text::Tokenizer;

use crate::{Error, Result};

/// How long texts are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// The most tokens of a piece.
    pub tokens: usize,
    /// How many of them are also the last ones of the piece before.
    pub overlap: usize,
}

impl Pieces {
    /// The bytes of each piece of a text; one piece of all where it is short enough.
    ///
    /// # Errors
    /// Pieces have no tokens, or none that the piece before does not have.
    pub fn of(self, text: &str, tokenizer: &Tokenizer) -> Result<Vec<Range<usize>>> {
        if self.overlap >= self.tokens {
            let range = format!("it must be less than the tokens of a piece, {}", self.tokens);
            let value = i64::try_from(self.overlap).unwrap_or(i64::MAX);
            return Err(Error::Option { option: "overlap", value, range });
        }
        let spans = tokenizer.spans(text)?;
        if spans.len() <= self.tokens {
            return Ok(iter::once(0..text.len()).collect());
        }
        let step = self.tokens - self.overlap;
        let starts =
            (0..spans.len()).step_by(step).take_while(|&at| at == 0 || at + self.overlap < spans.len());
        Ok(starts
            .filter_map(|at| covered(text, spans.get(at..(at + self.tokens).min(spans.len()))?))
            .collect())
    }
}

/// The characters that some tokens stand for.
fn covered(text: &str, spans: &[Range<usize>]) -> Option<Range<usize>> {
    let (first, last) = (spans.first()?, spans.last()?);
    let start = (0..=first.start).rev().find(|&at| text.is_char_boundary(at))?;
    let end = (last.end..=text.len()).find(|&at| text.is_char_boundary(at))?;
    Some(start..end)
}
