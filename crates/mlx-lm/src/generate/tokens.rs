//! Tokens one by one, each computed while the one before is read.

use mlx_core::{Array, NewAxis, memory};

use super::resident::Resident;
use crate::cache::KvCache;
use crate::sampling::{Choice, Chooser};
use crate::{GenerateOptions, Logprobs, Model, Result};

/// After this many tokens, memory that MLX keeps for reuse is given back.
const TOKENS_BETWEEN_CLEARINGS: usize = 256;

/// A new token.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its place in the vocabulary.
    pub id: u32,
    /// How likely it was, where [`GenerateOptions::logprobs`] asks for that.
    pub logprobs: Option<Logprobs>,
}

/// The new tokens after a prompt, without end, until `max_tokens`.
pub struct TokenStream<'m> {
    model: &'m Model,
    cache: KvCache,
    chooser: Chooser,
    /// The next token, or why there is none.
    pending: Option<Result<Choice>>,
    /// Whether the constraint allows no more.
    complete: bool,
    produced: usize,
    max_tokens: usize,
    _resident: Option<Resident>,
}

impl<'m> TokenStream<'m> {
    /// Runs the prompt, and starts on the first new token.
    pub(crate) fn new(model: &'m Model, prompt: &[u32], options: &GenerateOptions) -> Result<Self> {
        let cache = match &options.prompt_cache {
            Some(cache) => cache.clone(),
            None => model.cache().with(&options.cache)?,
        };
        model.check(prompt, cache.offset())?;
        Self::run(model, cache, (prompt, 0), options)
    }

    /// As [`new`](Self::new), where `cache` holds the first tokens of the prompt, but not the last one.
    pub(crate) fn resume(
        model: &'m Model,
        cache: KvCache,
        prompt: &[u32],
        options: &GenerateOptions,
    ) -> Result<Self> {
        model.check(prompt, 0)?;
        let held = cache.offset().unsigned_abs() as usize;
        Self::run(model, cache, (prompt, held), options)
    }

    /// Runs the prompt but for the first tokens, which the cache holds.
    fn run(
        model: &'m Model,
        cache: KvCache,
        (prompt, held): (&[u32], usize),
        options: &GenerateOptions,
    ) -> Result<Self> {
        let mut stream = Self {
            model,
            cache,
            chooser: Chooser::new(options, prompt, model.vocab_size())?,
            pending: None,
            complete: false,
            produced: 0,
            max_tokens: options.max_tokens,
            _resident: Resident::new(model)?,
        };
        if let Some((last, before)) = prompt.split_last() {
            let new = before.get(held..).unwrap_or_default();
            model.prefill(new, &mut stream.cache, options.prefill_step)?;
            stream.start(&Array::from([[*last]]));
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
        Ok(Token { id: now.token()?, logprobs: now.logprobs()? })
    }

    /// What the model remembers: the prompt, and each token once the one after it is begun.
    pub(crate) fn cache(&self) -> &KvCache {
        &self.cache
    }

    /// Whether the text has the form that it must have, and can have no more tokens.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether the context holds another token.
    fn has_room(&self) -> bool {
        self.model.context().is_none_or(|context| (self.cache.offset().unsigned_abs() as usize) < context)
    }
}

impl Iterator for TokenStream<'_> {
    type Item = Result<Token>;

    fn next(&mut self) -> Option<Result<Token>> {
        if self.produced >= self.max_tokens {
            return None;
        }
        Some(self.pending.take()?.and_then(|now| self.advance(&now)))
    }
}
