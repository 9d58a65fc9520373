//! Texts that get their new tokens together, in one pass of the model for each.

use mlx_core::{Array, NewAxis, async_eval};

use super::sequence::Sequence;
use super::{Outbox, SequenceId};
use crate::cache::{KvCache, in_place};
use crate::sampling::{Choices, Chooser, Draws, Outcome};
use crate::{Error, FinishReason, Model, Result};

/// Texts whose caches are of one kind.
pub(super) struct Group {
    texts: Vec<Sequence>,
    cache: KvCache,
    /// The tokens to be run next: of each text the one that was chosen, or the last of its prompt.
    next: Choices,
    /// Whether this is a text that has yet to show that it was not the cause of an error.
    alone: bool,
}

/// Why a group cannot go on.
pub(super) enum Failure {
    /// The pass of the model failed before anything was computed: all is as before.
    Pass(Error),
    /// Something could not be computed: what was on its way is lost.
    Lost(Error),
}

/// Texts without their cache, and why it is lost.
pub(super) struct Lost {
    pub(super) texts: Vec<Sequence>,
    pub(super) error: Error,
}

impl Group {
    /// Texts of which `cache` holds all but the last token.
    pub(super) fn new(texts: Vec<Sequence>, cache: KvCache, alone: bool) -> Result<Self, Lost> {
        let last: Vec<_> = texts.iter().map(Sequence::last).collect();
        match Choices::known(&last) {
            Ok(next) => Ok(Self { texts, cache, next, alone }),
            Err(error) => Err(Lost { texts, error }),
        }
    }

    /// The number of texts that have not ended.
    pub(super) fn len(&self) -> usize {
        self.texts.iter().filter(|text| !text.has_ended()).count()
    }

    /// The texts, without their cache.
    pub(super) fn into_texts(self) -> Vec<Sequence> {
        self.texts
    }

    /// Whether the texts get another token; those of a group are alike in that.
    pub(super) fn goes_on(&self, model: &Model) -> bool {
        self.texts.iter().any(|text| text.goes_on(model))
    }

    /// Whether the texts of both are to be one group.
    pub(super) fn joins(&self, other: &Self) -> bool {
        let alike = self.cache.joins(&other.cache) && self.cache.is_as_long_as(&other.cache);
        !self.alone && !other.alone && alike
    }

    /// Groups that join as one; as they are where that fails.
    pub(super) fn merge(groups: Vec<Self>) -> Vec<Self> {
        if groups.len() < 2 {
            return groups;
        }
        let merged = || {
            let cache = KvCache::join(groups.iter().map(|group| &group.cache))?;
            Ok::<_, Error>((cache, Choices::merge(groups.iter().map(|group| &group.next))?))
        };
        match merged() {
            Ok((cache, next)) => {
                let texts = groups.into_iter().flat_map(|group| group.texts).collect();
                vec![Self { texts, cache, next, alone: false }]
            }
            Err(_) => groups,
        }
    }

    /// Leaves out the texts that have ended, and takes apart those that get no other token and those whose caches
    /// will be of another kind.
    pub(super) fn sort(self, model: &Model) -> Result<Vec<Self>, Lost> {
        let quantized = self.cache.quantized_next(self.texts.len());
        let mut kinds: Vec<((bool, bool), Vec<usize>)> = Vec::new();
        for (place, text) in self.texts.iter().enumerate().filter(|(_, text)| !text.has_ended()) {
            let kind = (text.goes_on(model), quantized.contains(&place));
            match kinds.iter_mut().find(|(other, _)| *other == kind) {
                Some((_, places)) => places.push(place),
                None => kinds.push((kind, vec![place])),
            }
        }
        self.apart(kinds.into_iter().map(|(_, places)| in_place(&places)).collect())
    }

    /// Each text by itself, under suspicion.
    pub(super) fn singles(self) -> Result<Vec<Self>, Lost> {
        let places = (0..self.texts.len()).map(|place| vec![place]).collect();
        let mut singles = self.apart(places)?;
        singles.iter_mut().for_each(|single| single.alone = true);
        Ok(singles)
    }

    fn apart(self, parts: Vec<Vec<usize>>) -> Result<Vec<Self>, Lost> {
        let whole = parts.iter().find(|part| part.len() == self.texts.len());
        if whole.is_some_and(|all| !self.cache.is_padded_much(all).unwrap_or_default()) {
            return Ok(vec![self]);
        }
        let caches = match divided(self.cache, &parts) {
            Ok(caches) => caches,
            Err(error) => return Err(Lost { texts: self.texts, error }),
        };
        let mut texts: Vec<_> = self.texts.into_iter().map(Some).collect();
        let mut group = |(part, cache): (&Vec<usize>, KvCache)| Self {
            texts: part.iter().filter_map(|&place| texts.get_mut(place)?.take()).collect(),
            cache,
            next: self.next.filter(part),
            alone: self.alone,
        };
        Ok(parts.iter().zip(caches).map(&mut group).collect())
    }

    /// Runs the tokens that were chosen, starts to compute the next ones, and tells those that were chosen.
    ///
    /// The host waits for what was chosen while the device computes what comes next, unless a constraint has to know
    /// the one before the other.
    pub(super) fn advance(
        &mut self,
        model: &Model,
        stops: &[u32],
        outbox: &mut Outbox,
    ) -> Result<(), Failure> {
        let (scores, cache) = self.pass(model).map_err(Failure::Pass)?;
        self.cache = cache;
        let draws: Vec<_> = self.texts.iter().map(|text| text.chooser.draws().clone()).collect();
        let lost = |error: Error| Failure::Lost(error);
        let (next, outcomes) = if self.texts.iter().any(|text| text.chooser.is_constrained()) {
            async_eval([&scores]).map_err(|error| lost(error.into()))?;
            self.take_up(stops, outbox).map_err(lost)?;
            self.mark_known(draws);
            self.choose(&scores).map_err(lost)?
        } else {
            let choices = self.choose(&scores).map_err(lost)?;
            self.take_up(stops, outbox).map_err(lost)?;
            self.mark_known(draws);
            choices
        };
        self.next = next;
        for (place, (text, outcome)) in self.texts.iter_mut().zip(outcomes).enumerate() {
            text.mark_chosen();
            match outcome {
                Outcome::Next => {}
                Outcome::Complete => text.finish(FinishReason::Stop, kept(text, &self.cache, place), outbox),
                Outcome::Failed(error) => text.fail(error, outbox),
            }
        }
        Ok(())
    }

    /// Tells the tokens that were chosen, which are the last ones.
    pub(super) fn conclude(&mut self, stops: &[u32], outbox: &mut Outbox) -> Result<(), Failure> {
        self.take_up(stops, outbox).map_err(Failure::Lost)?;
        for (place, text) in self.texts.iter_mut().enumerate() {
            text.finish(FinishReason::Length, kept(text, &self.cache, place), outbox);
        }
        Ok(())
    }

    /// Tells the tokens that were chosen, if they can be computed, and that there are no others.
    pub(super) fn fail(mut self, failure: Failure, stops: &[u32], outbox: &mut Outbox) {
        let (Failure::Pass(error) | Failure::Lost(error)) = failure;
        let error = self.take_up(stops, outbox).err().unwrap_or(error);
        if let Some(text) = self.texts.iter_mut().find(|text| !text.has_ended()) {
            text.fail(error, outbox);
        }
    }

    /// Ends a text whose tokens so far are told. Returns whether it is here.
    pub(super) fn finish(&mut self, id: SequenceId, reason: FinishReason, outbox: &mut Outbox) -> bool {
        let mut texts = self.texts.iter_mut().enumerate();
        let Some((place, text)) = texts.find(|(_, text)| text.is(id)) else { return false };
        let cache = kept(text, &self.cache, place);
        text.finish(reason, cache, outbox);
        true
    }

    /// Ends a text without a word. Returns whether it is here.
    pub(super) fn cancel(&mut self, id: SequenceId) -> bool {
        self.texts.iter_mut().find(|text| text.is(id)).map(Sequence::end).is_some()
    }

    /// Scores `[batch, vocabulary]` of what follows the next tokens, and the cache with these.
    fn pass(&self, model: &Model) -> Result<(Array, KvCache)> {
        let mut cache = self.cache.clone();
        let scores = model.step(&self.next.tokens()?.index((.., NewAxis))?, &mut cache)?;
        Ok((scores.index((.., -1))?, cache))
    }

    fn choose(&mut self, scores: &Array) -> Result<(Choices, Vec<Outcome>)> {
        let mut choosers: Vec<&mut Chooser> = self.texts.iter_mut().map(|text| &mut text.chooser).collect();
        Choices::choose(&mut choosers, scores)
    }

    /// Takes up and tells the tokens that were chosen.
    fn take_up(&mut self, stops: &[u32], outbox: &mut Outbox) -> Result<()> {
        let tokens = self.next.read()?;
        for (place, (text, token)) in self.texts.iter_mut().zip(tokens).enumerate() {
            self.alone &= !text.is_chosen();
            if text.take_up(token, stops, outbox) {
                text.finish(FinishReason::Stop, kept(text, &self.cache, place), outbox);
            }
        }
        Ok(())
    }

    fn mark_known(&mut self, draws: Vec<Draws>) {
        self.texts.iter_mut().zip(draws).for_each(|(text, draws)| text.mark_known(draws));
    }
}

/// The caches of parts of the texts, of which the largest part keeps the memory.
fn divided(cache: KvCache, parts: &[Vec<usize>]) -> Result<Vec<KvCache>> {
    if cache.offset() == 0 {
        return Ok(vec![cache; parts.len()]);
    }
    let largest = (0..parts.len()).max_by_key(|&at| parts.get(at).map_or(0, Vec::len)).unwrap_or_default();
    let others = parts.iter().enumerate().filter(|(at, _)| *at != largest);
    let mut caches = others.map(|(_, part)| cache.filter(part)?.computed()).collect::<Result<Vec<_>>>()?;
    if let Some(part) = parts.get(largest) {
        caches.insert(largest, cache.retain(part)?);
    }
    Ok(caches)
}

/// The cache of the text at `place`, if it is to be kept.
fn kept(text: &Sequence, cache: &KvCache, place: usize) -> Result<Option<KvCache>> {
    if !text.keeps_cache() {
        return Ok(None);
    }
    // It need not hold anything yet.
    let cache = if cache.offset() == 0 { cache.clone() } else { cache.snapshot(place)? };
    async_eval(cache.arrays())?;
    Ok(Some(cache))
}
