//! Many texts at once, which come and go at any time.
//!
//! A step runs one pass of the model for the texts that get new tokens, then at most one chunk of the prompts that
//! wait. `prefill` holds the prompts, `group` the texts that go on together, `sequence` what belongs to one text.

mod event;
mod group;
mod options;
mod prefill;
mod sequence;
mod text;

use std::collections::{HashMap, VecDeque};

use mlx_core::memory;

pub use event::{Event, EventKind, SequenceId};
pub use options::{BatchOptions, BatchPrompt};
pub use text::TextBatchGenerator;

use self::group::{Failure, Group, Lost};
use self::prefill::{Prompt, Prompts, Room};
use self::sequence::Sequence;
use super::TOKENS_BETWEEN_CLEARINGS;
use super::resident::Resident;
use crate::cache::KvCache;
use crate::{FinishReason, GenerateOptions, Model, Result};

/// The chapter of the guide, whose code is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../../../docs/guide/batching.md")]
pub struct Guide;

/// Generates many texts at once. Each gets the tokens that it would get alone, whatever the others do.
///
/// Texts of any options go together: every one has its own sampler and seed, processors, grammar and cache. Those
/// whose caches are of one kind, and whose lengths are alike, share the passes of the model.
///
/// As an iterator it gives the events in turn, and `None` when no text is left; it goes on after another
/// [`insert`](Self::insert).
///
/// ```no_run
/// use mlx_lm::{BatchGenerator, BatchOptions, EventKind, GenerateOptions};
///
/// # fn run(model: &mlx_lm::Model) -> mlx_lm::Result<()> {
/// let mut batch = BatchGenerator::new(model, BatchOptions::default())?;
/// let first = batch.insert(&[1, 2, 3], GenerateOptions::default())?;
/// let second = batch.insert(&[4, 5], GenerateOptions { max_tokens: 10, ..GenerateOptions::default() })?;
/// for event in &mut batch {
///     if let EventKind::New(token) = event.kind {
///         println!("{}: {}", event.id, token.id);
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct BatchGenerator<'m> {
    model: &'m Model,
    options: BatchOptions,
    prompts: Prompts,
    groups: Vec<Group>,
    outbox: Outbox,
    texts: u64,
    /// Prompt tokens that the last step ran.
    ran: usize,
    /// Tokens since MLX gave back what it keeps for reuse.
    since_clearing: usize,
    _resident: Option<Resident>,
}

/// What is there to be taken.
#[derive(Default)]
struct Outbox {
    events: VecDeque<Event>,
    /// Caches of finished texts, with their tokens.
    caches: HashMap<SequenceId, (KvCache, Vec<u32>)>,
    /// Caches of prompts, with their tokens.
    prompts: HashMap<SequenceId, (KvCache, Vec<u32>)>,
}

impl<'m> BatchGenerator<'m> {
    /// An empty batch.
    ///
    /// # Errors
    /// A size is zero, or the model cannot be kept in memory.
    pub fn new(model: &'m Model, options: BatchOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            model,
            options,
            prompts: Prompts::default(),
            groups: Vec::new(),
            outbox: Outbox::default(),
            texts: 0,
            ran: 0,
            since_clearing: 0,
            _resident: Resident::new([model])?,
        })
    }

    /// Adds a text: tokens, or a [`BatchPrompt`] with a cache that holds the first of them. Stop texts are for a
    /// [`TextBatchGenerator`].
    ///
    /// # Errors
    /// The prompt is empty or too long, a token is outside the vocabulary, an option is out of its range, or the
    /// cache is not one that the text can go on from. The batch then stays as it is.
    pub fn insert(&mut self, prompt: impl Into<BatchPrompt>, options: GenerateOptions) -> Result<SequenceId> {
        let id = SequenceId(self.texts);
        let (text, cache) = Sequence::new(id, self.model, prompt.into(), &options)?;
        self.texts += 1;
        self.prompts.push(Prompt::new(text, cache));
        Ok(id)
    }

    /// Takes a text out, wherever it is, and says no more of it. Returns whether it was there and had not ended; the
    /// cache of one that had is dropped.
    ///
    /// What it shares with others in the batch is given back with their next step.
    pub fn cancel(&mut self, id: SequenceId) -> bool {
        self.outbox.events.retain(|event| event.id != id);
        self.outbox.caches.remove(&id);
        self.outbox.prompts.remove(&id);
        let there = self.prompts.cancel(id) || self.groups.iter_mut().any(|group| group.cancel(id));
        self.drop_empty_groups();
        there
    }

    /// Ends a text whose tokens so far are enough. Returns whether it was past its prompt and had not ended; then it has
    /// [`Finished`](EventKind::Finished) among the events of the next step, and its cache can be taken if it was to be
    /// kept.
    pub fn finish(&mut self, id: SequenceId, reason: FinishReason) -> bool {
        let there = self.groups.iter_mut().any(|group| group.finish(id, reason, &mut self.outbox));
        self.drop_empty_groups();
        there
    }

    /// The cache of a finished text that was to [keep it](BatchPrompt::keep_cache), once, with the tokens of the prompt
    /// and the new ones. The cache holds all of them, or all but the last.
    pub fn take_cache(&mut self, id: SequenceId) -> Option<(KvCache, Vec<u32>)> {
        self.outbox.caches.remove(&id)
    }

    /// The cache of a prompt that was to [keep it](BatchPrompt::keep_prompt_cache), once, with the tokens of the prompt. It is
    /// there when the prompt is run, and holds all but the last.
    pub fn take_prompt_cache(&mut self, id: SequenceId) -> Option<(KvCache, Vec<u32>)> {
        self.outbox.prompts.remove(&id)
    }

    /// How many texts are past their prompts, and get new tokens.
    pub fn running(&self) -> usize {
        self.groups.iter().map(Group::len).sum()
    }

    /// The prompt tokens that the last step ran, padding included.
    pub fn prompt_tokens_run(&self) -> usize {
        self.ran
    }

    /// Changes how many prompt tokens are run between two new tokens of the others; at least 1.
    pub fn set_prefill_step(&mut self, tokens: usize) {
        self.options.prefill_step = tokens.max(1);
    }

    /// Whether no text is left, and nothing to be told.
    pub fn is_idle(&self) -> bool {
        self.prompts.is_empty() && self.groups.is_empty() && self.outbox.events.is_empty()
    }

    /// Gives each text that is past its prompt a new token, then runs one chunk of prompts. Returns what happened.
    ///
    /// A token is told in the step after the one that starts to compute it.
    pub fn step(&mut self) -> Vec<Event> {
        self.advance();
        self.outbox.events.drain(..).collect()
    }

    fn advance(&mut self) {
        self.decode();
        self.prefill();
        self.drop_empty_groups();
        self.ran = self.prompts.take_count();
        self.since_clearing += 1 + self.ran;
        if self.since_clearing >= TOKENS_BETWEEN_CLEARINGS {
            self.since_clearing = 0;
            // Memory that stays with MLX a while longer does no harm.
            let _ = memory::clear_cache();
        }
    }

    fn decode(&mut self) {
        let (going, leaving) = self.sorted();
        for mut group in going {
            match group.advance(self.model, &self.options.stop_tokens, &mut self.outbox) {
                Ok(()) => self.groups.push(group),
                Err(failure) => self.try_one_by_one(group, failure),
            }
        }
        for mut group in leaving {
            if let Err(failure) = group.conclude(&self.options.stop_tokens, &mut self.outbox) {
                self.try_one_by_one(group, failure);
            }
        }
    }

    /// The groups by the kinds of their caches, and the texts that get no other token.
    fn sorted(&mut self) -> (Vec<Group>, Vec<Group>) {
        let mut kinds: Vec<Vec<Group>> = Vec::new();
        let mut leaving = Vec::new();
        for group in std::mem::take(&mut self.groups) {
            for group in self.held(group.sort(self.model)) {
                if !group.goes_on(self.model) {
                    leaving.push(group);
                    continue;
                }
                match kinds.iter_mut().find(|kind| kind.iter().all(|other| other.joins(&group))) {
                    Some(kind) => kind.push(group),
                    None => kinds.push(vec![group]),
                }
            }
        }
        (kinds.into_iter().flat_map(Group::merge).collect(), leaving)
    }

    /// Finds the text that was the cause of a failure; the others go on.
    fn try_one_by_one(&mut self, group: Group, failure: Failure) {
        let stops = &self.options.stop_tokens;
        match failure {
            failure if group.len() == 1 => group.fail(failure, stops, &mut self.outbox),
            Failure::Lost(error) => self.run_again(Lost { texts: group.into_texts(), error }),
            Failure::Pass(_) => {
                for mut single in self.held(group.singles()) {
                    match single.advance(self.model, &self.options.stop_tokens, &mut self.outbox) {
                        Ok(()) => self.groups.push(single),
                        Err(failure) => single.fail(failure, &self.options.stop_tokens, &mut self.outbox),
                    }
                }
            }
        }
    }

    /// The parts of a group, unless they are lost.
    fn held(&mut self, parts: Result<Vec<Group>, Lost>) -> Vec<Group> {
        parts.unwrap_or_else(|lost| {
            self.run_again(lost);
            Vec::new()
        })
    }

    /// Has texts run again from their tokens, each by itself.
    fn run_again(&mut self, Lost { texts, error }: Lost) {
        let mut texts: Vec<_> = texts.into_iter().filter(|text| !text.has_ended()).collect();
        if let [text] = texts.as_mut_slice() {
            text.fail(error, &mut self.outbox);
        } else {
            texts.into_iter().rev().for_each(|text| self.prompts.run_again(text, &mut self.outbox));
        }
    }

    fn prefill(&mut self) {
        let free = self.options.completion_batch_size.saturating_sub(self.running());
        let room =
            Room { prompts: free.min(self.options.prefill_batch_size), tokens: self.options.prefill_step };
        for group in self.prompts.advance(self.model, room, &mut self.outbox) {
            match group {
                Ok(group) => self.groups.push(group),
                Err(lost) => self.run_again(lost),
            }
        }
    }

    fn drop_empty_groups(&mut self) {
        self.groups.retain(|group| group.len() > 0);
    }
}

impl Iterator for BatchGenerator<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        while self.outbox.events.is_empty() && !self.is_idle() {
            self.advance();
        }
        self.outbox.events.pop_front()
    }
}
