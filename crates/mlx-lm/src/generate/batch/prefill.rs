//! Prompts on their way into the batch.

use std::collections::VecDeque;

use mlx_core::{Array, eval};

use super::group::{Group, Lost};
use super::sequence::Sequence;
use super::{Outbox, SequenceId};
use crate::cache::{KvCache, STEP};
use crate::{Model, Result};

/// A text whose prompt is run, all but its last token.
pub(super) struct Prompt {
    text: Sequence,
    cache: KvCache,
    /// Whether it has yet to show that it was not the cause of an error.
    alone: bool,
}

/// Those that wait, in order.
#[derive(Default)]
pub(super) struct Prompts {
    waiting: VecDeque<Prompt>,
    /// Whether a chunk of a long prompt was run last, so that it is the turn of short ones.
    long_was_last: bool,
    /// The tokens that were run.
    count: usize,
}

/// How much is run at once.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) prompts: usize,
    /// Padding counts.
    pub(super) tokens: usize,
}

impl Prompt {
    pub(super) fn new(text: Sequence, cache: KvCache) -> Self {
        Self { text, cache, alone: false }
    }

    fn done(&self) -> usize {
        self.cache.offset().unsigned_abs() as usize
    }

    /// The tokens to be run.
    fn rest(&self) -> &[u32] {
        let (_, before) = self.text.tokens().split_last().unwrap_or((&0, &[]));
        before.get(self.done()..).unwrap_or_default()
    }

    /// How many tokens are run at once.
    fn step(&self, room: Room) -> usize {
        self.text.prefill_step().min(room.tokens)
    }

    /// Whether it can be run at once, and with others.
    fn is_short(&self, room: Room) -> bool {
        !self.alone && self.done() == 0 && self.rest().len() <= self.step(room)
    }

    /// Runs the next tokens.
    fn run(&mut self, model: &Model, room: Room) -> Result<()> {
        let tokens: Vec<_> = self.rest().iter().copied().take(self.step(room)).collect();
        model.logits(&tokens, &mut self.cache)?;
        Ok(eval(self.cache.arrays())?)
    }

    /// Its cache, to be kept. Most of the memory of a short one would be room for more, so that is copied.
    fn kept(&self) -> Result<KvCache> {
        if self.done() < STEP.unsigned_abs() as usize {
            self.cache.snapshot(0)?.computed()
        } else {
            Ok(self.cache.clone())
        }
    }

    fn into_group(self) -> Result<Group, Lost> {
        Group::new(vec![self.text], self.cache, self.alone)
    }
}

impl Prompts {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn push(&mut self, prompt: Prompt) {
        self.waiting.push_back(prompt);
    }

    /// Puts a text first that has lost its cache, to be run by itself.
    pub(super) fn run_again(&mut self, mut text: Sequence, outbox: &mut Outbox) {
        match text.go_back() {
            Ok(()) => {
                let cache = text.empty_cache().clone();
                self.waiting.push_front(Prompt { text, cache, alone: true });
            }
            Err(error) => text.fail(error, outbox),
        }
    }

    /// Leaves a text out. Returns whether it is here.
    pub(super) fn cancel(&mut self, id: SequenceId) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|prompt| !prompt.text.is(id));
        self.waiting.len() < before
    }

    /// Runs at most one chunk. Returns the texts whose prompts are run.
    pub(super) fn advance(
        &mut self,
        model: &Model,
        room: Room,
        outbox: &mut Outbox,
    ) -> Vec<Result<Group, Lost>> {
        let considered = self.waiting.drain(..room.prompts.min(self.waiting.len()));
        let (ready, busy): (Vec<_>, Vec<_>) = considered.partition(|prompt| prompt.rest().is_empty());
        let mut groups: Vec<_> = ready.into_iter().map(Prompt::into_group).collect();
        let (chosen, others) = self.choose(busy, room);
        self.put_back(others);
        match <[Prompt; 1]>::try_from(chosen) {
            Ok([prompt]) => groups.extend(self.run(prompt, model, room, outbox)),
            Err(several) => groups.extend(self.run_together(several, model, outbox)),
        }
        groups
    }

    /// The tokens that were run, with padding, since this was asked last.
    pub(super) fn take_count(&mut self) -> usize {
        std::mem::take(&mut self.count)
    }

    fn put_back(&mut self, prompts: Vec<Prompt>) {
        prompts.into_iter().rev().for_each(|prompt| self.waiting.push_front(prompt));
    }

    /// Those that are run next: short ones together, or one by itself.
    fn choose(&mut self, prompts: Vec<Prompt>, room: Room) -> (Vec<Prompt>, Vec<Prompt>) {
        let is_short = |prompt: &Prompt| prompt.is_short(room);
        let long_is_first = prompts.first().is_some_and(|prompt| !is_short(prompt));
        if long_is_first && !(self.long_was_last && prompts.iter().any(is_short)) {
            self.long_was_last = true;
            let mut first = true;
            return prompts.into_iter().partition(|_| std::mem::take(&mut first));
        }
        self.long_was_last = false;
        let mut pack = Pack::default();
        prompts.into_iter().partition(|prompt| is_short(prompt) && pack.takes(prompt, room))
    }

    /// Runs one prompt by itself.
    fn run(
        &mut self,
        mut prompt: Prompt,
        model: &Model,
        room: Room,
        outbox: &mut Outbox,
    ) -> Option<Result<Group, Lost>> {
        let before = prompt.done();
        if let Err(error) = prompt.run(model, room) {
            prompt.text.fail(error, outbox);
            return None;
        }
        self.count += prompt.done() - before;
        prompt.text.tell_progress(prompt.done(), outbox);
        if prompt.rest().is_empty() {
            prompt.text.keep_prompt(|| prompt.kept(), outbox);
            return Some(prompt.into_group());
        }
        self.waiting.push_front(prompt);
        None
    }

    /// Runs several prompts whole; if that fails, each will be run by itself.
    fn run_together(
        &mut self,
        mut prompts: Vec<Prompt>,
        model: &Model,
        outbox: &mut Outbox,
    ) -> Option<Result<Group, Lost>> {
        if prompts.is_empty() {
            return None;
        }
        let Ok(cache) = padded(&prompts, model) else {
            prompts.iter_mut().for_each(|prompt| prompt.alone = true);
            self.put_back(prompts);
            return None;
        };
        self.count += prompts.len() * cache.offset().unsigned_abs() as usize;
        for (place, prompt) in prompts.iter().enumerate() {
            prompt.text.tell_progress(prompt.rest().len(), outbox);
            prompt.text.keep_prompt(|| cache.snapshot(place)?.computed(), outbox);
        }
        Some(Group::new(prompts.into_iter().map(|prompt| prompt.text).collect(), cache, false))
    }
}

/// Prompts that are run together.
#[derive(Default)]
struct Pack {
    kind: Option<KvCache>,
    prompts: usize,
    tokens: usize,
    longest: usize,
}

impl Pack {
    /// Adds a prompt, if its cache goes with those of the others, there is room, and at most a quarter would be padding.
    fn takes(&mut self, prompt: &Prompt, room: Room) -> bool {
        let (prompts, tokens) = (self.prompts + 1, self.tokens + prompt.rest().len());
        let longest = self.longest.max(prompt.rest().len());
        let padded = prompts * longest;
        if padded > room.tokens || 3 * padded > 4 * tokens {
            return false;
        }
        if self.kind.as_ref().is_some_and(|kind| !kind.joins(&prompt.cache)) {
            return false;
        }
        *self = Self { kind: Some(prompt.cache.clone()), prompts, tokens, longest };
        true
    }
}

/// The cache of prompts of which nothing was run, with padding before the shorter ones.
fn padded(prompts: &[Prompt], model: &Model) -> Result<KvCache> {
    let longest = prompts.iter().map(|prompt| prompt.rest().len()).max().unwrap_or_default();
    let (mut tokens, mut widths) = (Vec::new(), Vec::new());
    for prompt in prompts {
        let width = longest - prompt.rest().len();
        tokens.extend(std::iter::repeat_n(0, width).chain(prompt.rest().iter().copied()));
        widths.push(width);
    }
    let count = |count| i32::try_from(count).unwrap_or(i32::MAX);
    let widths: Vec<_> = widths.into_iter().map(count).collect();
    let empty = prompts.first().map(|prompt| prompt.cache.clone()).unwrap_or_else(|| model.cache());
    let mut cache = empty.with_padding(&widths)?;
    let tokens = Array::from_slice(&tokens, [count(prompts.len()), count(longest)])?;
    cache.layer_by_layer(|cache| model.step(&tokens, cache))?;
    eval(cache.arrays())?;
    Ok(cache)
}
