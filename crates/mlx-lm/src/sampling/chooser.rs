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
    /// The best score, `[1]`.
    best: Array,
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
        let Some(scores) = self.prepare(scores)? else { return Ok(None) };
        let best = scores.max(-1)?.astype(Dtype::Float32)?;
        let choice = if self.needs_probabilities() {
            let all = logprobs(&scores)?;
            let token = self.draws.draw(&all)?;
            let logprobs = self.pending_logprobs(&all, &token)?;
            Choice { token, best, logprobs }
        } else {
            Choice { token: self.draws.draw(&scores)?, best, logprobs: None }
        };
        self.push(&choice.token, 0)?;
        async_eval(choice.arrays())?;
        Ok(Some(choice))
    }

    /// Tells the constraint of a choice, for which it has to wait.
    pub(crate) fn accept(&mut self, choice: &Choice) -> Result<()> {
        if self.is_constrained() { self.accept_token(choice.token()?) } else { Ok(()) }
    }

    /// Tells the constraint of a token that was chosen.
    pub(crate) fn accept_token(&mut self, token: u32) -> Result<()> {
        self.constraint.as_mut().map_or(Ok(()), |constraint| constraint.accept(token))
    }

    /// Whether the host has to know a token before it can choose the next.
    pub(crate) fn is_constrained(&self) -> bool {
        self.constraint.is_some()
    }

    /// Whether scores are taken as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.processing.is_none() && self.constraint.is_none()
    }

    /// Whether a choice needs more than to compare scores.
    pub(super) fn needs_probabilities(&self) -> bool {
        self.logprobs.is_some() || !self.draws.is_greedy()
    }

    /// The sampler, with what it draws next.
    pub(crate) fn draws(&self) -> &Draws {
        &self.draws
    }

    pub(super) fn set_draws(&mut self, draws: Draws) {
        self.draws = draws;
    }

    /// Goes back to where the text was `tokens`, of which the first `prompt` are the prompt, and `draws` came next.
    pub(crate) fn go_back(&mut self, tokens: &[u32], prompt: usize, draws: Draws) -> Result<()> {
        self.draws = draws;
        if let Some(processing) = &mut self.processing {
            processing.go_back(tokens, prompt)?;
        }
        Ok(())
    }

    /// Lets go of all that is the program's own: what is chosen from here on is for nobody.
    pub(crate) fn retire(&mut self) {
        (self.processing, self.constraint, self.logprobs) = (None, None, None);
    }

    /// The scores `[1, vocabulary]` to choose by; `None` where the text is complete.
    pub(super) fn prepare(&mut self, scores: &Array) -> Result<Option<Array>> {
        self.constrain(processed(self.processing.as_ref(), scores)?)
    }

    /// Those of `token` `[1]` by all of them, `[1, vocabulary]`, if they are asked for.
    pub(super) fn pending_logprobs(&self, all: &Array, token: &Array) -> Result<Option<PendingLogprobs>> {
        Ok(self.logprobs.map(|count| PendingLogprobs::new(all, token, count)).transpose()?)
    }

    /// Takes up the token at place `row` of `tokens` `[batch]`.
    pub(super) fn push(&mut self, tokens: &Array, row: i32) -> Result<()> {
        if let Some(processing) = &mut self.processing {
            processing.push(&tokens.index(row..row + 1)?)?;
        }
        Ok(())
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
        [&self.token, &self.best].into_iter().chain(self.logprobs.iter().flat_map(PendingLogprobs::arrays))
    }

    /// Waits for the token.
    ///
    /// # Errors
    /// The scores choose none.
    pub(crate) fn token(&self) -> Result<u32> {
        certain(self.best.item()?)?;
        Ok(self.token.item()?)
    }

    /// How likely it was, if that was asked for.
    pub(crate) fn logprobs(&self) -> Result<Option<Logprobs>> {
        Ok(self.logprobs.as_ref().map(PendingLogprobs::read).transpose()?)
    }
}

/// Whether a token can be chosen where this is the best score.
pub(super) fn certain(best: f32) -> Result<()> {
    if best.is_finite() { Ok(()) } else { Err(Error::Scores { best }) }
}
