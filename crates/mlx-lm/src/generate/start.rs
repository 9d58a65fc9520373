//! What a generation begins with.

use super::progress;
use crate::cache::KvCache;
use crate::{GenerateOptions, Model, Result};

/// Room is made for so many new tokens at once, as most texts end before the most that they may have.
const ROOM: usize = 256;

/// The beginning of a text, and what of it the model has run.
pub(crate) struct Start<'p> {
    pub(super) cache: KvCache,
    pub(super) prompt: &'p [u32],
    /// How many tokens of the prompt the cache holds: not the last one.
    pub(super) held: usize,
}

impl<'p> Start<'p> {
    /// A prompt of which nothing is run.
    pub(crate) fn new(model: &Model, prompt: &'p [u32], options: &GenerateOptions) -> Result<Self> {
        Ok(Self::after(model.cache().with(&options.cache)?, prompt))
    }

    /// A prompt that follows what `cache` holds.
    pub(crate) fn after(cache: KvCache, prompt: &'p [u32]) -> Self {
        Self { cache, prompt, held: 0 }
    }

    /// A prompt whose first tokens are those that `cache` holds.
    pub(crate) fn within(cache: KvCache, prompt: &'p [u32]) -> Self {
        Self { held: cache.offset().unsigned_abs() as usize, cache, prompt }
    }

    /// How many tokens come before the prompt.
    pub(super) fn before(&self) -> i32 {
        self.cache.offset() - i32::try_from(self.held).unwrap_or(i32::MAX)
    }

    /// Runs what is left of the prompt but for its last token, and returns the cache.
    pub(super) fn run(self, model: &Model, options: &GenerateOptions) -> Result<KvCache> {
        let mut cache = self.cache;
        let last = self.prompt.len().saturating_sub(1);
        cache.reserve(self.prompt.len().saturating_sub(self.held) + options.max_tokens.min(ROOM));
        progress::run(model, self.prompt, self.held..last, &mut cache, options)?;
        Ok(cache)
    }
}
