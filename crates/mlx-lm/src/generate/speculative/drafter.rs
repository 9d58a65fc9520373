//! Who drafts.

use mlx_core::NewAxis;

use super::{Speculation, lookup};
use crate::cache::{Checkpoint, KvCache};
use crate::sampling::{Chooser, Draft, Drafting};
use crate::{Error, GenerateOptions, Model, Result};

/// What proposes tokens.
pub(super) enum Drafter<'m> {
    Model(DraftModel<'m>),
    Lookup { max_ngram: usize },
}

/// A model that drafts, with what it has read of the text.
pub(super) struct DraftModel<'m> {
    model: &'m Model,
    cache: KvCache,
    /// Where the last draft began, behind all that was certain.
    checkpoint: Option<Checkpoint>,
}

impl<'m> Drafter<'m> {
    pub(super) fn new(
        speculation: Speculation,
        draft: Option<&'m Model>,
        prompt: &[u32],
        options: &GenerateOptions,
    ) -> Result<Self> {
        match (speculation, draft) {
            (Speculation::PromptLookup { max_ngram, .. }, _) => Ok(Self::Lookup { max_ngram }),
            (Speculation::Draft { .. }, Some(model)) => {
                Ok(Self::Model(DraftModel::new(model, prompt, options)?))
            }
            (Speculation::Draft { .. }, None) => Err(Error::Speculation(
                "there is no draft model: give one with `with_draft`, or look tokens up in the prompt".into(),
            )),
        }
    }

    /// Up to `most` tokens after `text`, if there are any to propose.
    pub(super) fn draft(&mut self, text: &[u32], most: i32, chooser: &mut Chooser) -> Result<Option<Draft>> {
        match self {
            Self::Model(model) => model.draft(text, most, chooser),
            Self::Lookup { max_ngram } => {
                let found = lookup::continuation(text, *max_ngram, most.unsigned_abs() as usize);
                if found.is_empty() { Ok(None) } else { chooser.found(&found).map(Some) }
            }
        }
    }

    /// Forgets the tokens of the last draft but for the first `accepted`.
    pub(super) fn keep(&mut self, accepted: i32) -> Result<()> {
        match self {
            Self::Model(model) => model.keep(accepted),
            Self::Lookup { .. } => Ok(()),
        }
    }
}

impl<'m> DraftModel<'m> {
    /// Runs the prompt but for its last token. One that is too long for the model never gets a draft.
    fn new(model: &'m Model, prompt: &[u32], options: &GenerateOptions) -> Result<Self> {
        let mut cache = model.cache().with(&options.cache)?;
        if let Some((_, before)) = prompt.split_last().filter(|_| room(model, prompt) > 0) {
            model.prefill(before, &mut cache, options.prefill_step)?;
        }
        Ok(Self { model, cache, checkpoint: None })
    }

    /// Each token is drawn on the device, so that none waits for the host.
    fn draft(&mut self, text: &[u32], most: i32, chooser: &mut Chooser) -> Result<Option<Draft>> {
        // The first token follows what is certain, and the last is not run.
        let most = most.min(self.cache.longest_trial().saturating_add(1)).min(room(self.model, text));
        let unread = text.get(self.cache.offset().unsigned_abs() as usize..).unwrap_or_default();
        if most < 1 || unread.is_empty() {
            return Ok(None);
        }
        let mut scores = self.model.logits(unread, &mut self.cache)?.index((.., -1))?;
        self.checkpoint = Some(self.cache.checkpoint(most - 1));
        let mut drafting = Drafting::new(chooser, most)?;
        for left in (0..most).rev() {
            let token = drafting.draw(&scores)?;
            if left > 0 {
                scores = self.model.step(&token.index((.., NewAxis))?, &mut self.cache)?.index((.., -1))?;
            }
        }
        drafting.finish().map(Some)
    }

    fn keep(&mut self, accepted: i32) -> Result<()> {
        let Some(checkpoint) = self.checkpoint.take() else { return Ok(()) };
        let run = self.cache.offset() - checkpoint.offset();
        self.cache.rollback(checkpoint, accepted.min(run))?;
        Ok(())
    }
}

/// The most tokens that a model can draft after `text`, the last of which it does not run.
fn room(model: &Model, text: &[u32]) -> i32 {
    let most = model.context().map_or(usize::MAX, |context| (context + 1).saturating_sub(text.len()));
    i32::try_from(most).unwrap_or(i32::MAX)
}
