//! Tokens one by one.

use super::Drafts;
use super::plain::Plain;
use super::resident::Resident;
use super::speculative::Speculative;
use super::start::Start;
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
        start: Start<'_>,
        options: &GenerateOptions,
    ) -> Result<Self> {
        model.check(start.prompt, start.before())?;
        let resident =
            Resident::new(std::iter::once(model).chain(draft.filter(|_| options.speculation.is_some())))?;
        let way = match options.speculation {
            None => Way::Plain(Box::new(Plain::new(model, start, options)?)),
            Some(speculation) => {
                Way::Speculative(Box::new(Speculative::new(model, draft, speculation, start, options)?))
            }
        };
        Ok(Self { way, _resident: resident })
    }

    /// Ends the text. Returns what the model remembers: the first of the tokens that were given out.
    ///
    /// # Errors
    /// Drafted tokens cannot be taken back.
    pub(crate) fn settle(&mut self) -> Result<KvCache> {
        match &mut self.way {
            Way::Plain(plain) => Ok(plain.cache().clone()),
            Way::Speculative(speculative) => speculative.settle(),
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
