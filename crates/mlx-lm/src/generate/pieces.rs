//! The text of tokens as it becomes certain, and where it ends.

use mlx_text::{Detokenizer, Tokenizer};

use super::stop::StopFilter;
use super::{FinishReason, Piece, Token};
use crate::Result;

/// Turns the tokens of one text into [`Piece`]s, up to its end.
pub(super) struct Pieces<'m> {
    tokenizer: &'m Tokenizer,
    detokenizer: Detokenizer,
    stop: StopFilter,
    finish: Option<FinishReason>,
}

impl<'m> Pieces<'m> {
    pub(super) fn new(tokenizer: &'m Tokenizer, stop: &[String]) -> Self {
        Self {
            tokenizer,
            detokenizer: tokenizer.detokenizer(true),
            stop: StopFilter::new(stop),
            finish: None,
        }
    }

    /// Shows special tokens too.
    pub(super) fn with_special_tokens(self) -> Self {
        Self { detokenizer: self.tokenizer.detokenizer(false), ..self }
    }

    /// Why the text ended, once the last piece was given.
    pub(super) fn finish(&self) -> Option<FinishReason> {
        self.finish
    }

    /// What a token adds to the text. It is the last piece if the token or a stop text ends it.
    pub(super) fn push(&mut self, Token { id, logprobs, drafted }: Token) -> Result<Piece> {
        let token = Some(id);
        if self.tokenizer.eos().contains(&id) {
            return Ok(Piece { token, logprobs, drafted, ..self.last(FinishReason::Stop) });
        }
        let text = self.detokenizer.push(id)?.unwrap_or_default();
        let passed = self.stop.push(&text);
        self.finish = passed.stop.as_ref().map(|_| FinishReason::Stop);
        Ok(Piece { text: passed.text, token, logprobs, drafted, finish: self.finish, stop: passed.stop })
    }

    /// The last piece where no token ends the text: what was held back.
    pub(super) fn last(&mut self, reason: FinishReason) -> Piece {
        self.finish = Some(reason);
        let rest = self.detokenizer.finish().unwrap_or_default();
        let passed = self.stop.push(&rest);
        let text = if passed.stop.is_some() { passed.text } else { passed.text + &self.stop.finish() };
        Piece { text, token: None, logprobs: None, drafted: false, finish: self.finish, stop: passed.stop }
    }
}
