//! The beginnings of prompts, kept for those that begin alike.
//!
//! What is found shares its arrays with what is kept, and is copied only where it is written to.

use std::collections::VecDeque;

use mlx_lm::cache::{KvCache, PromptCache};
use mlx_memory::Bytes;

/// Fewer tokens are run faster than they are kept.
const FEWEST: usize = 8;

/// Caches with their tokens, the one used last at the end.
pub(super) struct Prefixes {
    entries: VecDeque<PromptCache>,
    limit: u64,
}

/// How many of these tokens a cache can hold the first of, when its last ones are taken back.
fn reach(entry: &PromptCache, tokens: &[u32]) -> usize {
    let shared = entry.tokens.iter().zip(tokens).take_while(|(held, token)| held == token).count();
    let surplus = entry.tokens.len() - shared;
    if surplus <= entry.cache.trimmable().unsigned_abs() as usize { shared } else { 0 }
}

fn bytes(entry: &PromptCache) -> u64 {
    (entry.cache.nbytes() + entry.tokens.len() * size_of::<u32>()) as u64
}

impl Prefixes {
    pub(super) fn new(limit: Bytes) -> Self {
        Self { entries: VecDeque::new(), limit: limit.get() }
    }

    /// A cache that holds the first tokens of a prompt, but not the last.
    pub(super) fn find(&mut self, prompt: &[u32]) -> Option<KvCache> {
        let before = prompt.split_last().map_or(prompt, |(_, before)| before);
        let reached = self.entries.iter().map(|entry| reach(entry, before));
        let (at, shared) = reached.enumerate().max_by_key(|(_, shared)| *shared)?;
        if shared < FEWEST {
            return None;
        }
        let entry = self.entries.remove(at)?;
        let surplus = i32::try_from(entry.tokens.len() - shared).ok()?;
        let mut cache = entry.cache.clone();
        self.entries.push_back(entry);
        cache.trim(surplus).ok()?;
        Some(cache)
    }

    /// Keeps a cache with the tokens of which it holds the first.
    pub(super) fn put(&mut self, mut tokens: Vec<u32>, cache: KvCache) {
        tokens.truncate(cache.offset().unsigned_abs() as usize);
        if tokens.len() < FEWEST
            || self.entries.iter().any(|entry| entry.tokens.starts_with(&tokens) && entry.cache.keeps_all())
        {
            return;
        }
        if cache.keeps_all() {
            self.entries.retain(|entry| !tokens.starts_with(&entry.tokens));
        }
        self.entries.push_back(PromptCache { tokens, cache });
        self.shrink(self.limit);
    }

    /// All of them, the one used last at the end.
    pub(super) fn iter(&self) -> impl Iterator<Item = &PromptCache> {
        self.entries.iter()
    }

    /// The memory that it takes, counted as if nothing were shared.
    pub(super) fn bytes(&self) -> u64 {
        self.entries.iter().map(bytes).sum()
    }

    fn shrink(&mut self, limit: u64) {
        while self.bytes() > limit && self.entries.pop_front().is_some() {}
    }
}
