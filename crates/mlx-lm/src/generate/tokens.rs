//! Tokens one by one.

use super::Drafts;
use super::plain::Plain;
use super::resident::Resident;
use super::speculative::Speculative;
use crate::cache::KvCache;
use crate::{GenerateOptions, Logprobs, Model, Result};

/// A new token.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its place in the vocabulary.
    pub id: u32,
    /// How likely it was, where [`GenerateOptions::logprobs`] asks for that.
    pub logprobs: Option<Logprobs>,
    /// Whether it was drafted, and the model only accepted it.
    pub drafted: bool,
}

/// The new tokens after a prompt, past any end of text, until `max_tokens`.
pub struct TokenStream<'m> {
    way: Way<'m>,
    _resident: Option<Resident>,
}

/// How the tokens come about.
enum Way<'m> {
    Plain(Box<Plain<'m>>),
    Speculative(Box<Speculative<'m>>),
}

impl<'m> TokenStream<'m> {
    /// Runs the prompt, and starts on the first new token.
    pub(crate) fn new(
        model: &'m Model,
        draft: Option<&'m Model>,
        prompt: &[u32],
        options: &GenerateOptions,
    ) -> Result<Self> {
        model.check(prompt, 0)?;
        let resident =
            Resident::new(std::iter::once(model).chain(draft.filter(|_| options.speculation.is_some())))?;
        let way = match options.speculation {
            None => {
                let cache = model.cache().with(&options.cache)?;
                Way::Plain(Box::new(Plain::new(model, cache, prompt, options)?))
            }
            Some(speculation) => {
                Way::Speculative(Box::new(Speculative::new(model, draft, speculation, prompt, options)?))
            }
        };
        Ok(Self { way, _resident: resident })
    }

    /// Runs the rest of a prompt, of which `cache` holds the first tokens, but not the last one. Nothing is drafted.
    pub(crate) fn resume(
        model: &'m Model,
        cache: KvCache,
        prompt: &[u32],
        options: &GenerateOptions,
    ) -> Result<Self> {
        model.check(prompt, 0)?;
        let resident = Resident::new([model])?;
        let way = Way::Plain(Box::new(Plain::new(model, cache, prompt, options)?));
        Ok(Self { way, _resident: resident })
    }

    /// What the model remembers: the prompt, and each token once the one after it is begun. Drafts are not for others.
    pub(crate) fn cache(&self) -> Option<&KvCache> {
        match &self.way {
            Way::Plain(plain) => Some(plain.cache()),
            Way::Speculative(_) => None,
        }
    }

    /// Whether the text has the form that it must have, and can have no more tokens.
    pub fn is_complete(&self) -> bool {
        match &self.way {
            Way::Plain(plain) => plain.is_complete(),
            Way::Speculative(_) => false,
        }
    }

    /// What became of the drafts so far.
    pub fn drafts(&self) -> Drafts {
        match &self.way {
            Way::Plain(_) => Drafts::default(),
            Way::Speculative(speculative) => speculative.drafts(),
        }
    }
}

impl Iterator for TokenStream<'_> {
    type Item = Result<Token>;

    fn next(&mut self) -> Option<Result<Token>> {
        match &mut self.way {
            Way::Plain(plain) => plain.next(),
            Way::Speculative(speculative) => speculative.next(),
        }
    }
}
