//! Tokens that are proposed, and how they are judged so that what is accepted has the target's distribution.
//!
//! Leviathan et al., "Fast Inference from Transformers via Speculative Decoding"; Chen et al., "Accelerating Large
//! Language Model Decoding with Speculative Sampling".

use mlx_core::{Array, Dtype, NewAxis, Result as MlxResult, async_eval, concatenate, keep, select};

use super::chooser::{certain, processed};
use super::logprobs::{PendingLogprobs, logprobs};
use super::{Chooser, Logprobs, Processing};
use crate::Result;

/// Tokens for the next places of a text.
#[derive(Debug)]
pub(crate) struct Draft {
    /// `[count]`.
    pub(crate) tokens: Array,
    /// The probabilities `[count, vocabulary]` by which they were drawn; `None` where nothing was drawn by chance.
    odds: Option<Array>,
    /// What decides over XTC, `[count + 1, 1]`: a place has one chance, for the draft and for its judge.
    chance: Option<Array>,
}

/// A draft in the making, by the same processors and sampler as the text.
pub(crate) struct Drafting<'c> {
    chooser: &'c mut Chooser,
    processing: Option<Processing>,
    chance: Option<Array>,
    tokens: Vec<Array>,
    odds: Vec<Array>,
}

/// What was decided on a draft, which is being computed.
#[derive(Debug)]
pub(crate) struct Verdict {
    tokens: Array,
    /// How many of the tokens are accepted, a scalar.
    accepted: Array,
    /// The token `[1]` after those.
    next: Array,
    /// The best score of each place, `[count + 1]`.
    best: Array,
    /// Those of each place `[count + 1, vocabulary]`, and how many are to be told.
    logprobs: Option<(Array, usize)>,
}

impl<'c> Drafting<'c> {
    /// For a draft of `count` tokens.
    pub(crate) fn new(chooser: &'c mut Chooser, count: i32) -> Result<Self> {
        let chance = chooser.draws.chance(count + 1)?;
        let processing = chooser.processing.clone();
        Ok(Self { chooser, processing, chance, tokens: Vec::new(), odds: Vec::new() })
    }

    /// Draws the next token `[1]` by the draft model's scores `[1, vocabulary]`.
    pub(crate) fn draw(&mut self, scores: &Array) -> Result<Array> {
        let scores = processed(self.processing.as_ref(), scores)?;
        let draws = &mut self.chooser.draws;
        let token = if draws.is_greedy() {
            draws.draw(&scores)?
        } else {
            let place = i32::try_from(self.odds.len()).unwrap_or(i32::MAX);
            let chance = self.chance.as_ref().map(|chance| chance.index(place..place + 1)).transpose()?;
            let distribution = draws.distribution_by(&logprobs(&scores)?, chance.as_ref())?;
            self.odds.push(distribution.exp()?);
            draws.draw_from(&distribution)?
        };
        if let Some(processing) = &mut self.processing {
            processing.push(&token)?;
        }
        async_eval([&token])?;
        self.tokens.push(token.clone());
        Ok(token)
    }

    /// The tokens drawn.
    pub(crate) fn finish(self) -> Result<Draft> {
        let odds = if self.odds.is_empty() { None } else { Some(concatenate(&self.odds, 0)?) };
        Ok(Draft { tokens: concatenate(&self.tokens, 0)?, odds, chance: self.chance })
    }
}

impl Chooser {
    /// A draft of tokens that were found, not drawn.
    pub(crate) fn found(&mut self, tokens: &[u32]) -> Result<Draft> {
        let count = i32::try_from(tokens.len()).unwrap_or(i32::MAX);
        let chance = self.draws.chance(count.saturating_add(1))?;
        Ok(Draft { tokens: Array::from_slice(tokens, [count])?, odds: None, chance })
    }

    /// Starts to judge a draft by scores `[count + 1, vocabulary]`, those before and after each of its tokens.
    pub(crate) fn judge(&mut self, draft: &Draft, scores: &Array) -> Result<Verdict> {
        let scores = self.processed_along(&draft.tokens, scores)?;
        let best = scores.max(-1)?.astype(Dtype::Float32)?;
        let all = if self.needs_probabilities() { logprobs(&scores)? } else { scores };
        let (accepted, next) =
            if self.draws.is_greedy() { compare(draft, &all)? } else { self.reject(draft, &all)? };
        let logprobs = self.logprobs.map(|count| (all, count));
        let verdict = Verdict { tokens: draft.tokens.clone(), accepted, next, best, logprobs };
        async_eval([&verdict.accepted, &verdict.next, &verdict.best])?;
        Ok(verdict)
    }

    /// Takes up what was decided. Returns the accepted tokens and the one after them.
    ///
    /// # Errors
    /// The scores of one of these places choose none.
    pub(crate) fn settle(&mut self, verdict: &Verdict) -> Result<Vec<(u32, Option<Logprobs>)>> {
        let accepted = verdict.accepted.item::<i32>()?;
        verdict.best.index(..accepted + 1)?.to_vec()?.into_iter().try_for_each(certain)?;
        let tokens = concatenate([&verdict.tokens.index(..accepted)?, &verdict.next], 0)?;
        if let Some(processing) = &mut self.processing {
            processing.push(&tokens)?;
        }
        let logprobs = |place: i32| {
            let Some((all, count)) = &verdict.logprobs else { return Ok(None) };
            let places = place..place + 1;
            let logprobs = PendingLogprobs::new(&all.index(places.clone())?, &tokens.index(places)?, *count)?;
            logprobs.read().map(Some)
        };
        let ids = tokens.to_vec::<u32>()?;
        (0..).zip(ids).map(|(place, id)| Ok((id, logprobs(place)?))).collect()
    }

    /// Scores `[count + 1, vocabulary]`, each processed with the tokens before it.
    fn processed_along(&self, tokens: &Array, scores: &Array) -> MlxResult<Array> {
        let Some(mut processing) = self.processing.clone() else { return Ok(scores.clone()) };
        let (count, mut rows) = (tokens.dim(0)?, Vec::new());
        for place in 0..=count {
            rows.push(processed(Some(&processing), &scores.index(place..place + 1)?)?);
            if place < count {
                processing.push(&tokens.index(place..place + 1)?)?;
            }
        }
        concatenate(&rows, 0)
    }

    /// Accepts tokens as often as the target's distribution asks for, given log-probabilities
    /// `[count + 1, vocabulary]`. Returns how many, and the token after them, drawn from what is then missing.
    fn reject(&mut self, draft: &Draft, logprobs: &Array) -> MlxResult<(Array, Array)> {
        let count = draft.tokens.dim(0)?;
        let wanted = self.draws.distribution_by(logprobs, draft.chance.as_ref())?.exp()?;
        let drawn = draft.odds(&wanted)?;
        let places = draft.tokens.index((.., NewAxis))?;
        let judged = wanted.index(..count)?;
        let (p, q) = (judged.take_along_axis(&places, -1)?, drawn.take_along_axis(&places, -1)?);
        let accepted = run(&(self.draws.uniform(count)? * q)?.less(&p)?)?;
        let missing = (judged - drawn)?.maximum(0.0)?;
        let missing = concatenate([&missing, &wanted.index(count..)?], 0)?;
        let [missing, wanted] = [missing, wanted].map(|odds| odds.take(&accepted.reshape([1])?, 0));
        let missing = missing?;
        // Where the two differ by rounding alone, nothing may be missing.
        let missing = select(&missing.sum(keep(-1))?.greater(0.0)?, &missing, &wanted?)?;
        let next = self.draws.draw_from(&missing.log()?)?;
        Ok((accepted, next))
    }
}

impl Draft {
    /// The probabilities `[count, vocabulary]` by which the tokens were drawn, in the form of `like`.
    fn odds(&self, like: &Array) -> MlxResult<Array> {
        if let Some(odds) = &self.odds {
            return Ok(odds.clone());
        }
        let none = Array::zeros([self.tokens.dim(0)?, like.dim(-1)?], Dtype::Float32)?;
        none.put_along_axis(&self.tokens.index((.., NewAxis))?, 1.0, -1)
    }
}

/// Accepts tokens as long as they are the most likely ones by scores `[count + 1, vocabulary]`. Returns how many, and
/// the most likely token after them.
fn compare(draft: &Draft, scores: &Array) -> MlxResult<(Array, Array)> {
    let best = scores.argmax(-1)?;
    let accepted = run(&best.index(..draft.tokens.dim(0)?)?.equal(&draft.tokens)?)?;
    let next = best.take(&accepted.reshape([1])?, 0)?;
    Ok((accepted, next))
}

/// How many truth values are true before the first that is not, as `int32`.
fn run(accepted: &Array) -> MlxResult<Array> {
    accepted.reshape([-1])?.astype(Dtype::Int32)?.cumprod(-1)?.sum(..)
}
