//! Decoding one token at a time, each computed while the one before is read.

use mlx_core::{Array, NewAxis, memory};

use super::start::Start;
use super::{TOKENS_BETWEEN_CLEARINGS, Token};
use crate::cache::KvCache;
use crate::sampling::{Choice, Chooser};
use crate::{GenerateOptions, Model, Result};

/// The new tokens after a prompt, until `max_tokens`.
pub(super) struct Plain<'m> {
    model: &'m Model,
    cache: KvCache,
    chooser: Chooser,
    /// The next token, or why there is none.
    pending: Option<Result<Choice>>,
    /// Whether the constraint allows no more.
    complete: bool,
    produced: usize,
    max_tokens: usize,
}

impl<'m> Plain<'m> {
    /// Runs the prompt, and starts on the first new token.
    pub(super) fn new(model: &'m Model, start: Start<'_>, options: &GenerateOptions) -> Result<Self> {
        let last = start.prompt.last().copied();
        let mut stream = Self {
            model,
            chooser: Chooser::new(options, start.prompt, model.vocab_size())?,
            cache: start.run(model, options)?,
            pending: None,
            complete: false,
            produced: 0,
            max_tokens: options.max_tokens,
        };
        if let Some(last) = last {
            stream.start(&Array::from([[last]]));
        }
        Ok(stream)
    }

    /// Starts to compute the token after `token` `[1, 1]`.
    fn start(&mut self, token: &Array) {
        self.pending = self.choose(token).transpose();
        self.complete = self.pending.is_none();
    }

    fn choose(&mut self, token: &Array) -> Result<Option<Choice>> {
        let scores = self.model.step(token, &mut self.cache)?.index((.., -1))?;
        self.chooser.choose(&scores)
    }

    fn advance(&mut self, now: &Choice) -> Result<Token> {
        self.produced += 1;
        self.chooser.accept(now)?;
        if self.produced < self.max_tokens && self.has_room() {
            self.start(&now.token.index((.., NewAxis))?);
        }
        if self.produced.is_multiple_of(TOKENS_BETWEEN_CLEARINGS) {
            memory::clear_cache()?;
        }
        Ok(Token { id: now.token()?, logprobs: now.logprobs()?, drafted: false })
    }

    /// What the model remembers: the prompt, and each token once the one after it is begun.
    pub(super) fn cache(&self) -> &KvCache {
        &self.cache
    }

    /// Whether the text has the form that it must have, and can have no more tokens.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether the context holds another token.
    fn has_room(&self) -> bool {
        self.model.context().is_none_or(|context| (self.cache.offset().unsigned_abs() as usize) < context)
    }
}

impl Iterator for Plain<'_> {
    type Item = Result<Token>;

    fn next(&mut self) -> Option<Result<Token>> {
        if self.produced >= self.max_tokens {
            return None;
        }
        Some(self.pending.take()?.and_then(|now| self.advance(&now)))
    }
}
