//! How many texts a batch takes, and what a text begins with.

use crate::cache::{KvCache, STEP, most_padding};
use crate::{Error, Result};

/// How much is run together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchOptions {
    /// The most texts that get new tokens at the same time. Others wait.
    pub completion_batch_size: usize,
    /// The most texts whose prompts are run at the same time.
    pub prefill_batch_size: usize,
    /// The most prompt tokens that are run between two new tokens of the others. A text whose own
    /// [`prefill_step`](crate::GenerateOptions::prefill_step) is smaller has that.
    pub prefill_step: usize,
    /// Tokens that end a text. A [`TextBatchGenerator`](crate::TextBatchGenerator) adds those of its tokenizer.
    pub stop_tokens: Vec<u32>,
}

impl Default for BatchOptions {
    /// The numbers of mlx-lm, and no stop tokens.
    fn default() -> Self {
        Self {
            completion_batch_size: 32,
            prefill_batch_size: 8,
            prefill_step: crate::generate::prefill_step(),
            stop_tokens: Vec::new(),
        }
    }
}

impl BatchOptions {
    /// The most places that a text of so many tokens takes in a batch: with padding, where it is run beside longer ones, and
    /// with room for the next tokens.
    pub fn room(tokens: usize) -> usize {
        let padding = most_padding(i32::try_from(tokens).unwrap_or(i32::MAX)).unsigned_abs() as usize;
        // Padding that all texts share stays until it is as much as what is added at a time.
        tokens.saturating_add(padding).saturating_add(2 * STEP.unsigned_abs() as usize)
    }

    pub(super) fn check(&self) -> Result<()> {
        for (option, value) in [
            ("completion_batch_size", self.completion_batch_size),
            ("prefill_batch_size", self.prefill_batch_size),
            ("prefill_step", self.prefill_step),
        ] {
            if value == 0 {
                return Err(Error::Option { option, value: 0.0, range: "must be at least 1".into() });
            }
        }
        Ok(())
    }
}

/// What a text begins with. Tokens alone are a prompt of which nothing was run.
#[derive(Clone, Debug)]
pub struct BatchPrompt {
    pub(super) tokens: Vec<u32>,
    pub(super) cache: Option<KvCache>,
    pub(super) keep_cache: bool,
    pub(super) keep_prompt_cache: bool,
    pub(super) special_tokens: bool,
}

impl BatchPrompt {
    /// The tokens of a prompt.
    pub fn new(tokens: impl Into<Vec<u32>>) -> Self {
        Self {
            tokens: tokens.into(),
            cache: None,
            keep_cache: false,
            keep_prompt_cache: false,
            special_tokens: false,
        }
    }

    /// With a cache that holds the first of the tokens, but not the last. It was made with the
    /// [`CacheOptions`](crate::cache::CacheOptions) that the text is generated with.
    #[must_use]
    pub fn cache(mut self, cache: KvCache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Keeps the cache of the finished text for [`take_cache`](crate::BatchGenerator::take_cache).
    #[must_use]
    pub fn keep_cache(mut self) -> Self {
        self.keep_cache = true;
        self
    }

    /// Keeps the cache of the prompt as soon as it is run, for
    /// [`take_prompt_cache`](crate::BatchGenerator::take_prompt_cache).
    #[must_use]
    pub fn keep_prompt_cache(mut self) -> Self {
        self.keep_prompt_cache = true;
        self
    }

    /// Shows special tokens in the text of a [`TextBatchGenerator`](crate::TextBatchGenerator), in which a model may mark
    /// the parts of its answer.
    #[must_use]
    pub fn with_special_tokens(mut self) -> Self {
        self.special_tokens = true;
        self
    }
}

impl From<Vec<u32>> for BatchPrompt {
    fn from(tokens: Vec<u32>) -> Self {
        Self::new(tokens)
    }
}

impl From<&[u32]> for BatchPrompt {
    fn from(tokens: &[u32]) -> Self {
        Self::new(tokens)
    }
}

impl From<&Vec<u32>> for BatchPrompt {
    fn from(tokens: &Vec<u32>) -> Self {
        Self::new(tokens.as_slice())
    }
}

impl<const N: usize> From<&[u32; N]> for BatchPrompt {
    fn from(tokens: &[u32; N]) -> Self {
        Self::new(tokens.as_slice())
    }
}
