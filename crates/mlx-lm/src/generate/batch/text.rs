//! Many texts at once, as text.

use std::collections::{HashMap, VecDeque};

use super::{BatchGenerator, BatchOptions, BatchPrompt, Event, EventKind, SequenceId};
use crate::cache::KvCache;
use crate::generate::pieces::Pieces;
use crate::{FinishReason, GenerateOptions, LanguageModel, Piece, Result, Token};

/// Generates many texts at once, each as [`LanguageModel::generate`] would: a [`BatchGenerator`] whose tokens become
/// [`Piece`]s, and whose texts end at stop texts.
pub struct TextBatchGenerator<'m> {
    model: &'m LanguageModel,
    batch: BatchGenerator<'m>,
    pieces: HashMap<SequenceId, Pieces<'m>>,
    events: VecDeque<Event<Piece>>,
}

impl<'m> TextBatchGenerator<'m> {
    /// An empty batch.
    ///
    /// # Errors
    /// As [`BatchGenerator::new`].
    pub fn new(model: &'m LanguageModel, mut options: BatchOptions) -> Result<Self> {
        options.stop_tokens.extend(model.tokenizer().eos());
        let batch = BatchGenerator::new(model.model(), options)?;
        Ok(Self { model, batch, pieces: HashMap::new(), events: VecDeque::new() })
    }

    /// Adds a text, as [`BatchGenerator::insert`].
    ///
    /// # Errors
    /// As there.
    pub fn insert(&mut self, prompt: impl Into<BatchPrompt>, options: GenerateOptions) -> Result<SequenceId> {
        let prompt = prompt.into();
        let pieces = Pieces::new(self.model.tokenizer(), &options.stop);
        let pieces = if prompt.special_tokens { pieces.with_special_tokens() } else { pieces };
        let id = self.batch.insert(prompt, options)?;
        self.pieces.insert(id, pieces);
        Ok(id)
    }

    /// Takes a text out, as [`BatchGenerator::cancel`].
    pub fn cancel(&mut self, id: SequenceId) -> bool {
        self.pieces.remove(&id);
        self.events.retain(|event| event.id != id);
        self.batch.cancel(id)
    }

    /// Ends a text, as [`BatchGenerator::finish`].
    pub fn finish(&mut self, id: SequenceId, reason: FinishReason) -> bool {
        self.batch.finish(id, reason)
    }

    /// The cache of a finished text, as [`BatchGenerator::take_cache`].
    pub fn take_cache(&mut self, id: SequenceId) -> Option<(KvCache, Vec<u32>)> {
        self.batch.take_cache(id)
    }

    /// The cache of a prompt, as [`BatchGenerator::take_prompt_cache`].
    pub fn take_prompt_cache(&mut self, id: SequenceId) -> Option<(KvCache, Vec<u32>)> {
        self.batch.take_prompt_cache(id)
    }

    /// How many texts get new tokens, as [`BatchGenerator::running`].
    pub fn running(&self) -> usize {
        self.batch.running()
    }

    /// The prompt tokens that the last step ran, as [`BatchGenerator::prompt_tokens_run`].
    pub fn prompt_tokens_run(&self) -> usize {
        self.batch.prompt_tokens_run()
    }

    /// Changes how many prompt tokens are run at once, as [`BatchGenerator::set_prefill_step`].
    pub fn set_prefill_step(&mut self, tokens: usize) {
        self.batch.set_prefill_step(tokens);
    }

    /// Whether no text is left, and nothing to be told.
    pub fn is_idle(&self) -> bool {
        self.events.is_empty() && self.batch.is_idle()
    }

    /// Does what [`BatchGenerator::step`] does.
    pub fn step(&mut self) -> Vec<Event<Piece>> {
        self.advance();
        self.events.drain(..).collect()
    }

    fn advance(&mut self) {
        self.batch.advance();
        while let Some(event) = self.batch.outbox.events.pop_front() {
            self.take(event);
        }
    }

    fn take(&mut self, Event { id, kind }: Event) {
        match kind {
            EventKind::Prompt { processed, total } => self.tell(id, EventKind::Prompt { processed, total }),
            EventKind::New(token) => self.take_token(id, token),
            EventKind::Finished { reason, stats } => {
                let Some(mut pieces) = self.pieces.remove(&id) else { return };
                if pieces.finish().is_none() {
                    self.tell(id, EventKind::New(pieces.last(reason)));
                }
                let reason = pieces.finish().unwrap_or(reason);
                self.tell(id, EventKind::Finished { reason, stats });
            }
            EventKind::Failed(error) => {
                self.pieces.remove(&id);
                self.tell(id, EventKind::Failed(error));
            }
        }
    }

    fn take_token(&mut self, id: SequenceId, token: Token) {
        let Some(pieces) = self.pieces.get_mut(&id) else { return };
        match pieces.push(token) {
            Ok(piece) => {
                let end = piece.finish;
                self.tell(id, EventKind::New(piece));
                end.map(|reason| self.batch.finish(id, reason));
            }
            Err(error) => {
                self.batch.cancel(id);
                self.pieces.remove(&id);
                self.tell(id, EventKind::Failed(error));
            }
        }
    }

    fn tell(&mut self, id: SequenceId, kind: EventKind<Piece>) {
        self.events.push_back(Event { id, kind });
    }
}

impl Iterator for TextBatchGenerator<'_> {
    type Item = Event<Piece>;

    fn next(&mut self) -> Option<Event<Piece>> {
        while self.events.is_empty() && !self.is_idle() {
            self.advance();
        }
        self.events.pop_front()
    }
}
