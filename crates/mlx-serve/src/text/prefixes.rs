//! The beginnings of prompts, kept for those that begin alike.
//!
//! What is found shares its arrays with what is kept, and is copied only where it is written to.

use std::collections::VecDeque;
use std::iter::repeat;

use mlx_lm::cache::{KvCache, PromptCache};
use mlx_memory::Bytes;

/// Fewer tokens are run faster than they are kept.
const FEWEST: usize = 8;

/// Caches with what they hold, the one used last at the end.
pub(super) struct Prefixes {
    entries: VecDeque<Prefix>,
    limit: u64,
}

/// A cache with the tokens of which it holds the first.
pub(super) struct Prefix {
    pub(super) tokens: Vec<u32>,
    /// What tells apart the placeholders of different images: 0 for text, and where there are no more.
    pub(super) marks: Vec<u64>,
    pub(super) cache: KvCache,
}

impl Prefix {
    /// How many of the first tokens are the same.
    fn shared(&self, tokens: &[u32], marks: &[u64]) -> usize {
        let same =
            |((held, mark), (token, other)): &((&u32, u64), (&u32, u64))| held == token && mark == other;
        signs(&self.tokens, &self.marks).zip(signs(tokens, marks)).take_while(same).count()
    }

    fn begins_with(&self, other: &Self) -> bool {
        self.shared(&other.tokens, &other.marks) == other.tokens.len()
    }

    /// How many of these tokens the cache can hold the first of, when its last ones are taken back.
    fn reach(&self, tokens: &[u32], marks: &[u64]) -> usize {
        let shared = self.shared(tokens, marks);
        let surplus = self.tokens.len() - shared;
        if surplus <= self.cache.trimmable().unsigned_abs() as usize { shared } else { 0 }
    }

    fn bytes(&self) -> u64 {
        let noted = self.tokens.len() * size_of::<u32>() + self.marks.len() * size_of::<u64>();
        (self.cache.nbytes() + noted) as u64
    }
}

fn signs<'t>(tokens: &'t [u32], marks: &'t [u64]) -> impl Iterator<Item = (&'t u32, u64)> {
    tokens.iter().zip(marks.iter().copied().chain(repeat(0)))
}

impl From<PromptCache> for Prefix {
    fn from(PromptCache { tokens, cache }: PromptCache) -> Self {
        Self { tokens, marks: Vec::new(), cache }
    }
}

impl Prefixes {
    pub(super) fn new(limit: Bytes) -> Self {
        Self { entries: VecDeque::new(), limit: limit.get() }
    }

    /// A cache that holds the first tokens of a prompt, but not the last.
    pub(super) fn find(&mut self, prompt: &[u32], marks: &[u64]) -> Option<KvCache> {
        let before = prompt.split_last().map_or(prompt, |(_, before)| before);
        let reached = self.entries.iter().map(|entry| entry.reach(before, marks));
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

    /// Keeps the beginning of a prompt.
    pub(super) fn put(&mut self, mut new: Prefix) {
        let held = new.cache.offset().unsigned_abs() as usize;
        new.tokens.truncate(held);
        new.marks.truncate(held);
        if new.tokens.len() < FEWEST
            || self.entries.iter().any(|entry| entry.cache.keeps_all() && entry.begins_with(&new))
        {
            return;
        }
        if new.cache.keeps_all() {
            self.entries.retain(|entry| !new.begins_with(entry));
        }
        self.entries.push_back(new);
        self.shrink(self.limit);
    }

    /// Those of text alone, the one used last at the end.
    pub(super) fn of_text(&self) -> impl Iterator<Item = PromptCache> {
        let texts = self.entries.iter().filter(|entry| entry.marks.iter().all(|mark| *mark == 0));
        texts.map(|entry| PromptCache { tokens: entry.tokens.clone(), cache: entry.cache.clone() })
    }

    /// The memory that it takes, counted as if nothing were shared.
    pub(super) fn bytes(&self) -> u64 {
        self.entries.iter().map(Prefix::bytes).sum()
    }

    fn shrink(&mut self, limit: u64) {
        while self.bytes() > limit && self.entries.pop_front().is_some() {}
    }
}
