//! Prompts that are run before their answers join the others: those with images, and those of several answers.

use mlx_lm::BatchPrompt;
use mlx_lm::cache::KvCache;
use mlx_memory::Ticket;

use super::model::TextModel;
use super::prefixes::Prefix;
use super::request::{Reads, Ready};
use crate::fault::Fault;

/// A prompt that is being run, a chunk at a time.
pub(super) struct Reading {
    pub(super) request: Ready,
    pub(super) ticket: Ticket,
    cache: KvCache,
    /// Tokens that were remembered.
    pub(super) cached: usize,
}

impl Reading {
    pub(super) fn new(request: Ready, ticket: Ticket, cache: KvCache) -> Self {
        let cached = cache.offset().unsigned_abs() as usize;
        Self { request, ticket, cache, cached }
    }

    /// How many tokens are run, and of how many.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.cache.offset().unsigned_abs() as usize, self.request.prompt.tokens().len())
    }

    /// Runs another chunk. Returns whether all but the last token is run.
    pub(super) fn advance(&mut self, model: &TextModel, step: usize) -> Result<bool, Fault> {
        let last = self.request.prompt.tokens().len().saturating_sub(1);
        let at = self.cache.offset().unsigned_abs() as usize;
        if at >= last {
            return Ok(true);
        }
        match (&self.request.prompt, model.sight()) {
            (Reads::Shown(prompt, _), Some(sight)) => {
                let run = sight.prefill_chunk(prompt, &mut self.cache, step);
                run.map_err(|error| Fault::internal(error.to_string()))?;
            }
            (prompt, _) => {
                let chunk = prompt.tokens().get(at..last.min(at + step)).unwrap_or_default();
                model.language().model().prefill(chunk, &mut self.cache, step)?;
            }
        }
        Ok(self.cache.offset().unsigned_abs() as usize >= last)
    }

    /// The prompt of one answer, whose cache is kept if it is the only one.
    pub(super) fn prompt(&self) -> BatchPrompt {
        let prompt = BatchPrompt::new(self.request.prompt.tokens()).cache(self.cache.clone());
        if self.request.options.len() == 1 { prompt.keep_cache() } else { prompt }
    }

    /// What was read, to be kept.
    pub(super) fn prefix(&self) -> Prefix {
        let prompt = &self.request.prompt;
        Prefix { tokens: prompt.tokens().to_vec(), marks: prompt.marks().to_vec(), cache: self.cache.clone() }
    }
}
