//! The next tokens of several texts at once.

use mlx_core::{Array, Dtype, async_eval, concatenate};

use super::chooser::{Chooser, certain};
use super::logprobs::{PendingLogprobs, logprobs};
use super::{Draws, draw_batch};
use crate::{Error, Result, Token};

/// A token for each text of a batch, which are being computed.
#[derive(Clone, Debug)]
pub(crate) struct Choices {
    /// The place of each text in `tokens` and `best`, which may hold others too.
    places: Vec<usize>,
    tokens: Array,
    /// The best score of each text.
    best: Array,
    logprobs: Vec<Option<PendingLogprobs>>,
}

/// What a choice is to its text.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Its next token.
    Next,
    /// Nothing: the text is complete.
    Complete,
    /// Nothing: the text cannot go on.
    Failed(Error),
}

impl Choices {
    /// Of as many texts as there are in `logprobs`.
    fn new(tokens: Array, best: Array, logprobs: Vec<Option<PendingLogprobs>>) -> Self {
        Self { places: (0..logprobs.len()).collect(), tokens, best, logprobs }
    }

    /// Tokens that are known.
    pub(crate) fn known(tokens: &[u32]) -> Result<Self> {
        let length = count(tokens.len());
        let (tokens, best) = (Array::from_slice(tokens, [length])?, Array::zeros([length], Dtype::Float32)?);
        Ok(Self::new(tokens, best, vec![None; length.unsigned_abs() as usize]))
    }

    /// Starts to compute the choices of `texts` by scores `[batch, vocabulary]`: for each the token that it would
    /// have chosen alone. A text that is complete or fails gets any token.
    ///
    /// # Errors
    /// The fault is not that of one text.
    pub(crate) fn choose(texts: &mut [&mut Chooser], scores: &Array) -> Result<(Self, Vec<Outcome>)> {
        let mut outcomes = Vec::new();
        let scores = prepare(texts, scores, &mut outcomes)?;
        let best = scores.max(-1)?.astype(Dtype::Float32)?;
        let mut choices = Self::new(scores.argmax(-1)?, best, vec![None; texts.len()]);
        let places = places(texts, &outcomes);
        if !places.is_empty() {
            let all = logprobs(&scores.take(&indices(&places)?, 0)?)?;
            let drawn = draw(texts, &places, &all, &mut outcomes)?;
            choices.tokens = choices.tokens.at(&indices(&places)?).set(&drawn)?;
            for (row, &place) in (0..).zip(&places) {
                let (Some(text), Some(told)) = (texts.get(place), choices.logprobs.get_mut(place)) else {
                    continue;
                };
                let (all, token) = (all.index(row..row + 1)?, drawn.index(row..row + 1)?);
                *told = text.pending_logprobs(&all, &token)?;
            }
        }
        for (row, text) in (0..).zip(texts) {
            text.push(&choices.tokens, row)?;
        }
        async_eval(choices.arrays())?;
        Ok((choices, outcomes))
    }

    /// Waits for the tokens. A text whose scores choose none has an error.
    pub(crate) fn read(&self) -> Result<Vec<Result<Token>>> {
        // A copy would wait for all that was started since.
        let (ids, best) = (self.tokens.as_slice::<u32>()?, self.best.as_slice::<f32>()?);
        let mut tokens = Vec::new();
        for (&place, logprobs) in self.places.iter().zip(&self.logprobs) {
            let logprobs = logprobs.as_ref().map(PendingLogprobs::read).transpose()?;
            let (id, best) = ids.get(place).zip(best.get(place)).unwrap_or((&0, &f32::NAN));
            tokens.push(certain(*best).map(|()| Token { id: *id, logprobs, drafted: false }));
        }
        Ok(tokens)
    }

    /// The tokens `[batch]`.
    pub(crate) fn tokens(&self) -> Result<Array> {
        self.picked(&self.tokens)
    }

    fn picked(&self, all: &Array) -> Result<Array> {
        let whole = all.size() == self.places.len();
        if whole { Ok(all.clone()) } else { Ok(all.take(&indices(&self.places)?, 0)?) }
    }

    /// The choices of the texts that `texts` names, in ascending order.
    pub(crate) fn filter(&self, texts: &[usize]) -> Self {
        Self {
            places: texts.iter().filter_map(|&text| self.places.get(text).copied()).collect(),
            tokens: self.tokens.clone(),
            best: self.best.clone(),
            logprobs: texts.iter().map(|&text| self.logprobs.get(text).cloned().flatten()).collect(),
        }
    }

    /// The choices of several batches as those of one.
    pub(crate) fn merge<'a>(batches: impl IntoIterator<Item = &'a Self>) -> Result<Self> {
        let batches: Vec<_> = batches.into_iter().collect();
        let tokens = batches.iter().map(|batch| batch.tokens()).collect::<Result<Vec<_>>>()?;
        let best = batches.iter().map(|batch| batch.picked(&batch.best)).collect::<Result<Vec<_>>>()?;
        let logprobs = batches.iter().flat_map(|batch| batch.logprobs.iter().cloned()).collect();
        Ok(Self::new(concatenate(&tokens, 0)?, concatenate(&best, 0)?, logprobs))
    }

    fn arrays(&self) -> impl Iterator<Item = &Array> {
        let logprobs = self.logprobs.iter().flatten().flat_map(PendingLogprobs::arrays);
        [&self.tokens, &self.best].into_iter().chain(logprobs)
    }
}

fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

fn indices(places: &[usize]) -> Result<Array> {
    let places: Vec<_> = places.iter().map(|&place| count(place)).collect();
    Ok(Array::from_slice(&places, [count(places.len())])?)
}

/// The scores after the processors and constraints of each text.
fn prepare(texts: &mut [&mut Chooser], scores: &Array, outcomes: &mut Vec<Outcome>) -> Result<Array> {
    if texts.iter().all(|text| text.is_plain()) {
        outcomes.extend(texts.iter().map(|_| Outcome::Next));
        return Ok(scores.clone());
    }
    let mut rows = Vec::new();
    for (row, text) in (0..).zip(texts) {
        let scores = scores.index(row..row + 1)?;
        let (scores, outcome) = match text.prepare(&scores) {
            Ok(Some(scores)) => (scores, Outcome::Next),
            Ok(None) => (scores, Outcome::Complete),
            Err(error) => (scores, Outcome::Failed(error)),
        };
        rows.push(scores);
        outcomes.push(outcome);
    }
    Ok(concatenate(&rows, 0)?)
}

/// The texts that need probabilities, those whose samplers are alike side by side.
fn places(texts: &[&mut Chooser], outcomes: &[Outcome]) -> Vec<usize> {
    let mut kinds: Vec<(&Chooser, Vec<usize>)> = Vec::new();
    for (place, (text, outcome)) in texts.iter().zip(outcomes).enumerate() {
        if !matches!(outcome, Outcome::Next) || !text.needs_probabilities() {
            continue;
        }
        match kinds.iter_mut().find(|(other, _)| text.draws().is_like(other.draws())) {
            Some((_, places)) => places.push(place),
            None => kinds.push((text, vec![place])),
        }
    }
    kinds.into_iter().flat_map(|(_, places)| places).collect()
}

/// Draws for the texts at `places` from their log-probabilities; one by one if that fails for all.
fn draw(
    texts: &mut [&mut Chooser],
    places: &[usize],
    logprobs: &Array,
    outcomes: &mut [Outcome],
) -> Result<Array> {
    let before: Vec<Draws> =
        places.iter().filter_map(|&place| texts.get(place)).map(|text| text.draws().clone()).collect();
    let mut after = before.clone();
    let together = draw_batch(&mut after, logprobs);
    let tokens = together.or_else(|_| {
        after = before;
        let mut tokens = Vec::new();
        for ((row, &place), draws) in (0..).zip(places).zip(&mut after) {
            let token = draws.draw(&logprobs.index(row..row + 1)?);
            tokens.push(token.or_else(|error| {
                if let Some(outcome) = outcomes.get_mut(place) {
                    *outcome = Outcome::Failed(error.into());
                }
                Array::zeros([1], Dtype::Uint32)
            })?);
        }
        concatenate(&tokens, 0)
    })?;
    for (&place, draws) in places.iter().zip(after) {
        if let Some(text) = texts.get_mut(place) {
            text.set_draws(draws);
        }
    }
    Ok(tokens)
}
