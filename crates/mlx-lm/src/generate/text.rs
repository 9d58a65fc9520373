//! Text as it becomes certain.

use super::pieces::Pieces;
use super::start::Start;
use super::stats::Meter;
use super::{GenerateOptions, Stats, TokenStream};
use crate::cache::KvCache;
use crate::{LanguageModel, Logprobs, Result};

/// Why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended it, a stop text appeared, or it has the form that it must have.
    Stop,
    /// It reached `max_tokens` or the end of the context.
    Length,
}

impl FinishReason {
    /// The name that OpenAI's interface gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
        }
    }
}

/// A piece of text. Pieces put together are the whole text.
#[derive(Clone, Debug)]
pub struct Piece {
    /// New text; empty while a letter is incomplete or a stop text may have begun.
    pub text: String,
    /// The token it came with; absent in a last piece without one.
    pub token: Option<u32>,
    /// How likely that token was, where [`GenerateOptions::logprobs`] asks for it.
    pub logprobs: Option<Logprobs>,
    /// Whether it was drafted, and the model only accepted it.
    pub drafted: bool,
    /// Why the text ended, in the last piece.
    pub finish: Option<FinishReason>,
    /// The one of [`GenerateOptions::stop`] that ended it, in the last piece.
    pub stop: Option<String>,
}

/// The text after a prompt, as an iterator of [`Piece`]s.
pub struct TextStream<'m> {
    tokens: TokenStream<'m>,
    pieces: Pieces<'m>,
    meter: Meter,
    failed: bool,
}

impl<'m> TextStream<'m> {
    pub(crate) fn new(model: &'m LanguageModel, start: Start<'_>, options: &GenerateOptions) -> Result<Self> {
        Ok(Self {
            meter: Meter::start(start.prompt.len())?,
            tokens: TokenStream::new(model.model(), model.draft(), start, options)?,
            pieces: Pieces::new(model.tokenizer(), &options.stop),
            failed: false,
        })
    }

    /// Shows special tokens too, in which a model may mark the parts of its answer.
    pub(crate) fn with_special_tokens(self) -> Self {
        Self { pieces: self.pieces.with_special_tokens(), ..self }
    }

    /// See [`TokenStream::settle`].
    pub(crate) fn settle(&mut self) -> Result<KvCache> {
        self.tokens.settle()
    }

    /// What the text cost so far.
    pub fn stats(&self) -> &Stats {
        self.meter.stats()
    }

    fn piece(&mut self) -> Result<Piece> {
        let Some(token) = self.tokens.next().transpose()? else {
            let complete = self.tokens.is_complete();
            let reason = if complete { FinishReason::Stop } else { FinishReason::Length };
            return Ok(self.pieces.last(reason));
        };
        self.meter.count()?;
        self.meter.set_drafts(self.tokens.drafts());
        self.pieces.push(token)
    }
}

impl Iterator for TextStream<'_> {
    type Item = Result<Piece>;

    fn next(&mut self) -> Option<Result<Piece>> {
        if self.failed || self.pieces.finish().is_some() {
            return None;
        }
        let piece = self.piece();
        self.failed = piece.is_err();
        Some(piece)
    }
}
