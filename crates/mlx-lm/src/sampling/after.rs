//! A form that begins later.

use super::{Allowed, Constraint, Grammar};
use crate::Result;

/// A text that is free until it holds some tokens, and has a form from there on.
pub(super) struct After {
    tokens: Vec<u32>,
    /// The last tokens of the text, at most as many.
    last: Vec<u32>,
    begun: bool,
    form: Box<dyn Constraint>,
}

impl After {
    /// A new text.
    pub(super) fn start(tokens: Vec<u32>, grammar: &Grammar) -> Result<Self> {
        Ok(Self { begun: tokens.is_empty(), tokens, last: Vec::new(), form: grammar.start()? })
    }
}

impl Constraint for After {
    fn allowed(&mut self) -> Result<Allowed> {
        if self.begun { self.form.allowed() } else { Ok(Allowed::Any) }
    }

    fn accept(&mut self, token: u32) -> Result<()> {
        if self.begun {
            return self.form.accept(token);
        }
        if self.last.len() == self.tokens.len() {
            self.last.remove(0);
        }
        self.last.push(token);
        self.begun = self.last == self.tokens;
        Ok(())
    }
}
