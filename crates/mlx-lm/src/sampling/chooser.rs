//! All that chooses the tokens of one text.

use mlx_core::{Array, Dtype, Result as MlxResult, async_eval, select};

use super::logprobs::{PendingLogprobs, logprobs};
use super::{Allowed, Constraint, Draws, Logprobs, Processing, require};
use crate::{Error, GenerateOptions, Result};

/// The processors, constraint and sampler of one text.
pub(crate) struct Chooser {
    pub(super) processing: Option<Processing>,
    constraint: Option<Box<dyn Constraint>>,
    pub(super) draws: Draws,
    pub(super) logprobs: Option<usize>,
    vocab_size: usize,
}

/// A chosen token, which is being computed.
#[derive(Debug)]
pub(crate) struct Choice {
    /// `[1]`.
    pub(crate) token: Array,
    logprobs: Option<PendingLogprobs>,
}

impl Chooser {
    /// Checks the options.
    pub(crate) fn new(options: &GenerateOptions, prompt: &[u32], vocab_size: usize) -> Result<Self> {
        if let Some(count) = options.logprobs {
            let range = format!("must be at most the vocabulary of {vocab_size}");
            require(count <= vocab_size, "logprobs", count as f64, range)?;
        }
        let none = options.processors.is_empty();
        let processing = if none { None } else { Some(options.processors.start(prompt, vocab_size)?) };
        Ok(Self {
            processing,
            constraint: options.grammar.as_ref().map(super::Grammar::start).transpose()?,
            draws: options.sampler.start(vocab_size)?,
            logprobs: options.logprobs,
            vocab_size,
        })
    }

    /// Starts to compute a choice by scores `[1, vocabulary]`; `None` where the text is complete.
    pub(crate) fn choose(&mut self, scores: &Array) -> Result<Option<Choice>> {
        let scores = processed(self.processing.as_ref(), scores)?;
        let Some(scores) = self.constrain(scores)? else { return Ok(None) };
        let choice = if self.logprobs.is_none() && self.draws.is_greedy() {
            Choice { token: self.draws.draw(&scores)?, logprobs: None }
        } else {
            let all = logprobs(&scores)?;
            let token = self.draws.draw(&all)?;
            let logprobs =
                self.logprobs.map(|count| PendingLogprobs::new(&all, &token, count)).transpose()?;
            Choice { token, logprobs }
        };
        if let Some(processing) = &mut self.processing {
            processing.push(&choice.token)?;
        }
        async_eval(choice.arrays())?;
        Ok(Some(choice))
    }

    /// Tells the constraint of a choice, for which it has to wait.
    pub(crate) fn accept(&mut self, choice: &Choice) -> Result<()> {
        match &mut self.constraint {
            Some(constraint) => constraint.accept(choice.token.item()?),
            None => Ok(()),
        }
    }

    /// The scores where tokens that are not allowed are impossible. The device computes meanwhile.
    fn constrain(&mut self, scores: Array) -> Result<Option<Array>> {
        let Some(constraint) = &mut self.constraint else { return Ok(Some(scores)) };
        async_eval([&scores])?;
        match constraint.allowed()? {
            Allowed::Any => Ok(Some(scores)),
            Allowed::End => Ok(None),
            Allowed::Only(tokens) if tokens.is_empty_below(self.vocab_size) => {
                Err(Error::Constraint("it allows no token of the vocabulary".into()))
            }
            Allowed::Only(tokens) => {
                let mask = tokens.mask(self.vocab_size)?;
                Ok(Some(select(&mask, &scores, f32::NEG_INFINITY)?))
            }
        }
    }
}

/// Scores `[1, vocabulary]` as processors leave them.
pub(super) fn processed(processing: Option<&Processing>, scores: &Array) -> MlxResult<Array> {
    match processing {
        Some(processing) => processing.process(&scores.astype(Dtype::Float32)?),
        None => Ok(scores.clone()),
    }
}

impl Choice {
    fn arrays(&self) -> impl Iterator<Item = &Array> {
        std::iter::once(&self.token).chain(self.logprobs.iter().flat_map(PendingLogprobs::arrays))
    }

    /// Waits for the token.
    pub(crate) fn token(&self) -> Result<u32> {
        Ok(self.token.item()?)
    }

    /// How likely it was, if that was asked for.
    pub(crate) fn logprobs(&self) -> Result<Option<Logprobs>> {
        Ok(self.logprobs.as_ref().map(PendingLogprobs::read).transpose()?)
    }
}
