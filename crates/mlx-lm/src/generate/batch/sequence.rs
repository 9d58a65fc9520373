//! One text of a batch, apart from its cache.

use super::{BatchPrompt, Event, EventKind, Outbox, SequenceId};
use crate::cache::KvCache;
use crate::generate::stats::Meter;
use crate::sampling::{Chooser, Draws};
use crate::{Error, FinishReason, GenerateOptions, Model, Result, Token};

/// A text on its way from its prompt to its end.
pub(super) struct Sequence {
    pub(super) id: SequenceId,
    pub(super) chooser: Chooser,
    /// Those of the prompt, and the new ones that are known.
    tokens: Vec<u32>,
    prompt: usize,
    max_tokens: usize,
    prefill_step: usize,
    /// A cache of its kind that holds nothing.
    empty: KvCache,
    keeps_cache: bool,
    keeps_prompt: bool,
    /// Whether it began with what its tokens do not tell.
    shows: bool,
    meter: Meter,
    /// What the sampler drew next when all tokens before were known.
    draws: Draws,
    /// Whether a token is chosen that is not known yet.
    chosen: bool,
    ended: bool,
}

impl Sequence {
    /// A text, and its cache with what is already run.
    pub(super) fn new(
        id: SequenceId,
        model: &Model,
        prompt: BatchPrompt,
        options: &GenerateOptions,
    ) -> Result<(Self, KvCache)> {
        let BatchPrompt { tokens, cache, keep_cache, keep_prompt_cache, .. } = prompt;
        if options.speculation.is_some() {
            return Err(Error::Speculation(
                "a batch drafts no tokens: leave it out, or generate alone".into(),
            ));
        }
        model.check(&tokens, 0)?;
        let empty = model.cache().with(&options.cache)?;
        let cache = match cache {
            Some(cache) => begun(cache, &empty, tokens.len())?,
            None => empty.clone(),
        };
        let chooser = Chooser::new(options, &tokens, model.vocab_size())?;
        let sequence = Self {
            id,
            draws: chooser.draws().clone(),
            chooser,
            prompt: tokens.len(),
            max_tokens: options.max_tokens,
            prefill_step: options.prefill_step.max(1),
            empty,
            keeps_cache: keep_cache,
            keeps_prompt: keep_prompt_cache,
            shows: cache.is_of_more_than_text(),
            meter: Meter::start(tokens.len())?,
            tokens,
            chosen: false,
            ended: false,
        };
        Ok((sequence, cache))
    }

    pub(super) fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The token that is run next, where it is known.
    pub(super) fn last(&self) -> u32 {
        self.tokens.last().copied().unwrap_or_default()
    }

    pub(super) fn prefill_step(&self) -> usize {
        self.prefill_step
    }

    pub(super) fn empty_cache(&self) -> &KvCache {
        &self.empty
    }

    pub(super) fn keeps_cache(&self) -> bool {
        self.keeps_cache && !self.ended
    }

    /// Gives what its prompt left, if that is to be kept. A text whose prompt cannot be kept goes on without.
    pub(super) fn keep_prompt(&self, cache: impl FnOnce() -> Result<KvCache>, outbox: &mut Outbox) {
        if self.keeps_prompt && self.tokens.len() == self.prompt {
            let kept = cache().ok().map(|cache| (self.id, (cache, self.tokens.clone())));
            outbox.prompts.extend(kept);
        }
    }

    /// Whether this is the text, and has not ended.
    pub(super) fn is(&self, id: SequenceId) -> bool {
        self.id == id && !self.ended
    }

    /// Whether a token is chosen that is not known yet.
    pub(super) fn is_chosen(&self) -> bool {
        self.chosen
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether another token is to follow those that are known or chosen.
    pub(super) fn goes_on(&self, model: &Model) -> bool {
        let produced = self.tokens.len() - self.prompt + usize::from(self.chosen);
        let has_room = model.context().is_none_or(|context| self.tokens.len() < context);
        !self.ended && produced < self.max_tokens && (has_room || !self.chosen)
    }

    /// Tells how much of the prompt is run.
    pub(super) fn tell_progress(&self, processed: usize, outbox: &mut Outbox) {
        if self.tokens.len() == self.prompt {
            outbox.tell(self.id, EventKind::Prompt { processed, total: self.prompt });
        }
    }

    /// Takes up the token that was chosen, or the reason why there is none. Returns whether it is one of `stops`.
    pub(super) fn take_up(&mut self, token: Result<Token>, stops: &[u32], outbox: &mut Outbox) -> bool {
        if self.ended || !std::mem::take(&mut self.chosen) {
            return false;
        }
        match token.and_then(|token| self.accept(token)) {
            Ok(token) => {
                let stops = stops.contains(&token.id);
                outbox.tell(self.id, EventKind::New(token));
                stops
            }
            Err(error) => {
                self.fail(error, outbox);
                false
            }
        }
    }

    fn accept(&mut self, token: Token) -> Result<Token> {
        self.chooser.accept_token(token.id)?;
        self.meter.count()?;
        self.tokens.push(token.id);
        Ok(token)
    }

    /// Says that all tokens before those that `draws` draws next are known.
    pub(super) fn mark_known(&mut self, draws: Draws) {
        self.draws = draws;
    }

    /// Says that a token is chosen, past those that are known.
    pub(super) fn mark_chosen(&mut self) {
        self.chosen = true;
    }

    /// Goes back to the tokens that are known.
    ///
    /// # Errors
    /// The text shows images, which its tokens do not tell.
    pub(super) fn go_back(&mut self) -> Result<()> {
        if self.shows {
            let message =
                "a text that shows images has lost its cache with another one's failure: give it anew";
            return Err(Error::Cache(message.into()));
        }
        self.chosen = false;
        self.chooser.go_back(&self.tokens, self.prompt, self.draws.clone())
    }

    /// Leaves the batch at its end.
    pub(super) fn finish(
        &mut self,
        reason: FinishReason,
        cache: Result<Option<KvCache>>,
        outbox: &mut Outbox,
    ) {
        match cache {
            _ if self.ended => {}
            Err(error) => self.fail(error, outbox),
            Ok(cache) => {
                if let Some(cache) = cache {
                    outbox.caches.insert(self.id, (cache, self.tokens.clone()));
                }
                let stats = self.meter.stats().clone();
                outbox.tell(self.id, EventKind::Finished { reason, stats });
                self.end();
            }
        }
    }

    /// Leaves the batch with an error.
    pub(super) fn fail(&mut self, error: Error, outbox: &mut Outbox) {
        if !self.ended {
            outbox.tell(self.id, EventKind::Failed(error));
            self.end();
        }
    }

    /// Leaves the batch, and lets go of what belongs to the program.
    pub(super) fn end(&mut self) {
        self.ended = true;
        self.chooser.retire();
    }
}

impl Outbox {
    fn tell(&mut self, id: SequenceId, kind: EventKind) {
        self.events.push_back(Event { id, kind });
    }
}

/// A cache from elsewhere, if a prompt of so many tokens can go on from it.
fn begun(cache: KvCache, empty: &KvCache, tokens: usize) -> Result<KvCache> {
    if !cache.is_made_like(empty) {
        let message =
            "it was made by another model or with other options than the text: give those it was made with";
        return Err(Error::Cache(message.into()));
    }
    let held = cache.offset().unsigned_abs() as usize;
    if held >= tokens {
        return Err(Error::Cache(format!(
            "it holds {held} tokens of a prompt of {tokens}: trim it, so that the last one is left to run"
        )));
    }
    Ok(cache)
}
