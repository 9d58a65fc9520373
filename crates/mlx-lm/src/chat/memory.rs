//! What a model remembers of a conversation, and how much of that serves the next prompt.

use super::passage::{Passage, Sign};
use crate::cache::{CacheOptions, KvCache};
use crate::{GenerateOptions, Model, Result};

/// Earlier states that are kept where tokens cannot be taken back. Each may hold a cache of its own.
const SNAPSHOTS: usize = 4;

/// A cache, the tokens in it, and earlier states of it.
pub(super) struct Memory {
    now: State,
    snapshots: Vec<State>,
}

/// A cache and the tokens in it.
#[derive(Clone)]
struct State {
    cache: KvCache,
    tokens: Vec<Sign>,
}

impl Memory {
    /// Nothing is remembered.
    pub(super) fn new(model: &Model, options: &CacheOptions) -> Result<Self> {
        let cache = model.cache().with(options)?;
        let empty = State { cache, tokens: Vec::new() };
        let snapshots = if empty.cache.keeps_all() { Vec::new() } else { vec![empty.clone()] };
        Ok(Self { now: empty, snapshots })
    }

    /// How many tokens are remembered.
    pub(super) fn len(&self) -> usize {
        self.now.tokens.len()
    }

    /// The tokens that are remembered.
    pub(super) fn tokens(&self) -> Vec<u32> {
        self.now.tokens.iter().map(|(token, _)| *token).collect()
    }

    /// Hands the cache over to a generation, until [`take_up`](Self::take_up).
    pub(super) fn lend(&mut self, model: &Model, options: &CacheOptions) -> Result<KvCache> {
        let empty = State { cache: model.cache().with(options)?, tokens: Vec::new() };
        Ok(std::mem::replace(&mut self.now, empty).cache)
    }

    /// Goes back to where what is remembered begins the prompt, and leaves one token of it to be run. Returns how many
    /// tokens remain.
    pub(super) fn go_back(&mut self, prompt: &[Sign]) -> Result<usize> {
        let before = prompt.split_last().map_or(prompt, |(_, before)| before);
        let states = self.snapshots.iter().chain([&self.now]);
        let nearest = states.max_by_key(|state| state.reaches(before)).cloned();
        if let Some(state) = nearest {
            self.now = state.back_to(before)?;
        }
        let kept = &self.now.tokens;
        self.snapshots.retain(|state| prompt.starts_with(&state.tokens) && state.tokens.len() <= kept.len());
        Ok(kept.len())
    }

    /// Runs tokens of the prompt up to `end`, which are `signs` with their marks.
    pub(super) fn run(
        &mut self,
        model: &Model,
        (prompt, signs): (&dyn Passage, &[Sign]),
        end: usize,
        options: &GenerateOptions,
    ) -> Result<()> {
        prompt.run(model, &mut self.now.cache, end, options)?;
        self.now.tokens.extend_from_slice(signs.get(self.now.tokens.len()..end).unwrap_or_default());
        Ok(())
    }

    /// Keeps the present state, to go back to.
    pub(super) fn keep(&mut self) {
        let length = self.now.tokens.len();
        if self.now.cache.keeps_all() || self.snapshots.iter().any(|state| state.tokens.len() == length) {
            return;
        }
        self.snapshots.push(self.now.clone());
        // The first is empty and costs nothing.
        if self.snapshots.len() > SNAPSHOTS + 1 {
            self.snapshots.remove(1);
        }
    }

    /// Takes up what a generation left: the cache, and the tokens of which it holds the first.
    pub(super) fn take_up(&mut self, cache: KvCache, mut tokens: Vec<Sign>) {
        tokens.truncate(cache.offset().unsigned_abs() as usize);
        self.now = State { cache, tokens };
    }

    /// Lets the present state go, which a failure may have left half done.
    pub(super) fn forget(&mut self, model: &Model, options: &CacheOptions) -> Result<()> {
        *self = match self.snapshots.pop() {
            Some(now) => {
                let snapshots = std::mem::take(&mut self.snapshots);
                Self { now: now.clone(), snapshots: snapshots.into_iter().chain([now]).collect() }
            }
            None => Self::new(model, options)?,
        };
        Ok(())
    }
}

impl State {
    /// How many of these tokens it can hold the first of, when tokens are taken back.
    fn reaches(&self, tokens: &[Sign]) -> Option<usize> {
        let shared = self.tokens.iter().zip(tokens).take_while(|(held, token)| held == token).count();
        let surplus = self.tokens.len() - shared;
        let trimmable = self.cache.trimmable().unsigned_abs() as usize;
        (surplus == 0 || surplus <= trimmable).then_some(shared)
    }

    fn back_to(mut self, tokens: &[Sign]) -> Result<Self> {
        let shared = self.reaches(tokens).unwrap_or_default();
        let surplus = self.tokens.len() - shared;
        self.cache.trim(i32::try_from(surplus).unwrap_or(i32::MAX))?;
        self.tokens.truncate(shared);
        Ok(self)
    }
}
