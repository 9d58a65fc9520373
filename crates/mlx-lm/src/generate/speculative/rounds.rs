//! Rounds of drafting and judging, each computed while the tokens of the one before are read.

use std::collections::VecDeque;

use mlx_core::{Array, NewAxis, concatenate, memory};

use super::drafter::Drafter;
use super::{Drafts, Speculation};
use crate::cache::{Checkpoint, KvCache};
use crate::generate::TOKENS_BETWEEN_CLEARINGS;
use crate::generate::start::Start;
use crate::sampling::{Choice, Chooser, Draft, Verdict};
use crate::{Error, GenerateOptions, Model, Result, Token};

/// The new tokens after a prompt, until `max_tokens`, several of them by one pass of the model.
pub(in crate::generate) struct Speculative<'m> {
    model: &'m Model,
    /// What the model has read: all of the text but its last token, or less.
    cache: KvCache,
    /// How many tokens the cache holds of before the text.
    before: usize,
    chooser: Chooser,
    drafter: Drafter<'m>,
    /// The most tokens of a draft.
    tokens: usize,
    /// The prompt and the new tokens.
    text: Vec<u32>,
    /// How long the text may become.
    longest: usize,
    /// Tokens that are known but not yet given out.
    ready: VecDeque<Token>,
    round: Option<Result<Round>>,
    drafts: Drafts,
    uncleared: usize,
}

/// A round that is being computed.
enum Round {
    /// One token, without a draft.
    Single(Choice),
    Judged {
        verdict: Verdict,
        drafted: i32,
        before: Checkpoint,
    },
}

impl<'m> Speculative<'m> {
    /// Runs the prompt, and starts on the first round.
    pub(in crate::generate) fn new(
        model: &'m Model,
        draft: Option<&'m Model>,
        speculation: Speculation,
        start: Start<'_>,
        options: &GenerateOptions,
    ) -> Result<Self> {
        speculation.check()?;
        if options.grammar.is_some() {
            let message = "a grammar has to know each token before the next: leave one of the two out";
            return Err(Error::Speculation(message.into()));
        }
        let prompt = start.prompt;
        let mut stream = Self {
            model,
            before: start.before().unsigned_abs() as usize,
            chooser: Chooser::new(options, prompt, model.vocab_size())?,
            drafter: Drafter::new(speculation, draft, prompt, options)?,
            cache: start.run(model, options)?,
            tokens: speculation.tokens(),
            text: prompt.to_vec(),
            longest: prompt.len().saturating_add(options.max_tokens),
            ready: VecDeque::new(),
            round: None,
            drafts: Drafts::default(),
            uncleared: 0,
        };
        stream.start();
        Ok(stream)
    }

    pub(in crate::generate) fn drafts(&self) -> Drafts {
        self.drafts
    }

    /// Ends the text. Returns what the model has read of the tokens that were given out.
    pub(in crate::generate) fn settle(&mut self) -> Result<KvCache> {
        if let Some(Ok(Round::Judged { before, .. })) = self.round.take() {
            self.cache.rollback(before, 0)?;
        }
        let given = self.text.len() - self.ready.len();
        let surplus = self.read().saturating_sub(given);
        self.cache.trim(i32::try_from(surplus).unwrap_or(i32::MAX))?;
        Ok(self.cache.clone())
    }

    /// How many tokens of the text the cache holds.
    fn read(&self) -> usize {
        (self.cache.offset().unsigned_abs() as usize).saturating_sub(self.before)
    }

    /// Starts to compute the next round, if there may be more tokens.
    fn start(&mut self) {
        let fits = self.model.context().is_none_or(|context| self.before + self.text.len() <= context);
        if fits && self.text.len() < self.longest {
            self.round = self.begin().transpose();
        }
    }

    fn begin(&mut self) -> Result<Option<Round>> {
        let Some((&last, before)) = self.text.split_last() else { return Ok(None) };
        if let Some(unread @ [_, ..]) = before.get(self.read()..) {
            self.model.logits(unread, &mut self.cache)?;
        }
        let last = Array::from([[last]]);
        match self.draft()? {
            Some(draft) => self.judge(&last, &draft).map(Some),
            None => {
                let scores = self.model.step(&last, &mut self.cache)?.index((.., -1))?;
                Ok(self.chooser.choose(&scores)?.map(Round::Single))
            }
        }
    }

    /// A draft of as many tokens as the text, the model and its cache allow.
    fn draft(&mut self) -> Result<Option<Draft>> {
        let length = self.text.len();
        // A round has one more token than its draft.
        let left = self.longest.saturating_sub(length + 1);
        let ends = [self.model.context(), self.model.steady()].into_iter().flatten();
        let room = ends.map(|end| end.saturating_sub(self.before + length)).min().unwrap_or(usize::MAX);
        let most = i32::try_from(self.tokens.min(left).min(room)).unwrap_or(i32::MAX);
        let most = most.min(self.cache.longest_trial() - 1);
        if most < 1 {
            return Ok(None);
        }
        self.drafter.draft(&self.text, most, &mut self.chooser)
    }

    /// Runs the last token `[1, 1]` of the text and those of a draft in one pass.
    fn judge(&mut self, last: &Array, draft: &Draft) -> Result<Round> {
        let drafted = draft.tokens.dim(0)?;
        let before = self.cache.checkpoint(drafted + 1);
        let tokens = concatenate([last, &draft.tokens.index(NewAxis)?], -1)?;
        let scores = self.model.step(&tokens, &mut self.cache)?.index(0)?;
        let verdict = self.chooser.judge(draft, &scores)?;
        Ok(Round::Judged { verdict, drafted, before })
    }

    /// Waits for a round, and takes back what it ran in vain.
    fn finish(&mut self, round: Round) -> Result<()> {
        self.drafts.rounds += 1;
        let tokens = match round {
            Round::Single(choice) => vec![(choice.token()?, choice.logprobs()?)],
            Round::Judged { verdict, drafted, before } => {
                let tokens = self.chooser.settle(&verdict)?;
                let accepted = i32::try_from(tokens.len()).unwrap_or(i32::MAX) - 1;
                self.cache.rollback(before, accepted + 1)?;
                self.drafter.keep(accepted)?;
                self.drafts.drafted += drafted.unsigned_abs() as usize;
                self.drafts.accepted += accepted.unsigned_abs() as usize;
                tokens
            }
        };
        self.clear(tokens.len())?;
        let last = tokens.len() - 1;
        for (place, (id, logprobs)) in tokens.into_iter().enumerate() {
            self.text.push(id);
            self.ready.push_back(Token { id, logprobs, drafted: place < last });
        }
        Ok(())
    }

    /// Gives memory back once in many tokens.
    fn clear(&mut self, tokens: usize) -> Result<()> {
        self.uncleared += tokens;
        if self.uncleared >= TOKENS_BETWEEN_CLEARINGS {
            self.uncleared = 0;
            memory::clear_cache()?;
        }
        Ok(())
    }
}

impl Iterator for Speculative<'_> {
    type Item = Result<Token>;

    fn next(&mut self) -> Option<Result<Token>> {
        if self.ready.is_empty() {
            let round = self.round.take()?;
            if let Err(error) = round.and_then(|round| self.finish(round)) {
                return Some(Err(error));
            }
            self.start();
        }
        self.ready.pop_front().map(Ok)
    }
}
