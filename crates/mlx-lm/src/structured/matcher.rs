//! How far a text has come in its form.

use llguidance::Matcher;

use super::refuse;
use crate::sampling::{Allowed, Constraint, TokenSet};
use crate::{Error, Result};

/// A text that has a form.
#[derive(Clone)]
pub(super) struct FormMatcher(Matcher);

impl FormMatcher {
    /// At the beginning of a text.
    pub(super) fn new(matcher: Matcher) -> Result<Self> {
        match matcher.get_error() {
            Some(why) => Err(Error::Grammar(why)),
            None => Ok(Self(matcher)),
        }
    }
}

impl Constraint for FormMatcher {
    fn allowed(&mut self) -> Result<Allowed> {
        if self.0.is_stopped() {
            return self.0.get_error().map_or(Ok(Allowed::End), |why| Err(Error::Constraint(why)));
        }
        let tokens = self.0.compute_mask().map_err(refuse)?;
        Ok(Allowed::Only(TokenSet::from_words(tokens.as_slice().to_vec())))
    }

    fn accept(&mut self, token: u32) -> Result<()> {
        self.0.consume_token(token).map_err(|why| Error::Constraint(why.to_string()))
    }
}
