//! Tokens one by one, each computed while the one before is read.

use mlx_core::{Array, NewAxis, async_eval, eval, memory};

use super::resident::Resident;
use crate::cache::KvCache;
use crate::sampler::Draws;
use crate::{GenerateOptions, Model, Result};

/// After this many tokens, memory that MLX keeps for reuse is given back.
const TOKENS_BETWEEN_CLEARINGS: usize = 256;

/// The new tokens after a prompt, without end, until `max_tokens`.
pub struct TokenStream<'m> {
    model: &'m Model,
    cache: KvCache,
    draws: Draws,
    /// The next token `[1]`, which is being computed.
    pending: Option<Array>,
    produced: usize,
    max_tokens: usize,
    _resident: Option<Resident>,
}

impl<'m> TokenStream<'m> {
    /// Runs the prompt, and starts on the first new token.
    pub(crate) fn new(model: &'m Model, prompt: &[u32], options: &GenerateOptions) -> Result<Self> {
        model.check(prompt, 0)?;
        let mut stream = Self {
            model,
            cache: model.cache().with(&options.cache)?,
            draws: options.sampler.start()?,
            pending: None,
            produced: 0,
            max_tokens: options.max_tokens,
            _resident: Resident::new(model)?,
        };
        if let Some((last, before)) = prompt.split_last() {
            stream.prefill(before, options.prefill_step.max(1))?;
            stream.start(&Array::from([[*last]]))?;
        }
        Ok(stream)
    }

    /// Runs all of the prompt but its last token, in chunks, for what they leave in the cache.
    fn prefill(&mut self, prompt: &[u32], step: usize) -> Result<()> {
        for chunk in prompt.chunks(step) {
            self.model.logits(chunk, &mut self.cache)?;
            eval(self.cache.arrays())?;
            memory::clear_cache()?;
        }
        Ok(())
    }

    /// Starts to compute the token after `token` `[1, 1]`.
    fn start(&mut self, token: &Array) -> mlx_core::Result<()> {
        let scores = self.model.step(token, &mut self.cache)?.index((.., -1))?;
        let next = self.draws.draw(&scores)?;
        async_eval([&next])?;
        self.pending = Some(next);
        Ok(())
    }

    fn advance(&mut self, now: &Array) -> Result<u32> {
        self.produced += 1;
        if self.produced < self.max_tokens && self.has_room() {
            self.start(&now.index((.., NewAxis))?)?;
        }
        if self.produced.is_multiple_of(TOKENS_BETWEEN_CLEARINGS) {
            memory::clear_cache()?;
        }
        Ok(now.item()?)
    }

    /// Whether the context holds another token.
    fn has_room(&self) -> bool {
        self.model.context().is_none_or(|context| (self.cache.offset().unsigned_abs() as usize) < context)
    }
}

impl Iterator for TokenStream<'_> {
    type Item = Result<u32>;

    fn next(&mut self) -> Option<Result<u32>> {
        if self.produced >= self.max_tokens {
            return None;
        }
        let now = self.pending.take()?;
        Some(self.advance(&now))
    }
}
