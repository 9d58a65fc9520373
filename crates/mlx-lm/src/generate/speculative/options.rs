//! How tokens are drafted, and what became of them.

use std::fmt;

use crate::{Error, Result};

/// How tokens are drafted. Greedy texts stay the same, drawn ones keep their distribution.
///
/// ```
/// use mlx_lm::{GenerateOptions, Speculation};
///
/// let options = GenerateOptions { speculation: Some(Speculation::lookup()), ..GenerateOptions::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speculation {
    /// By the model of [`LanguageModel::with_draft`](crate::LanguageModel::with_draft).
    Draft {
        /// The most tokens a round.
        tokens: usize,
    },
    /// By what followed the last tokens where they stood before, in the prompt or in the text: for texts that repeat
    /// much of their prompt. It needs no model.
    ///
    /// Saxena, "Prompt Lookup Decoding".
    PromptLookup {
        /// The most last tokens that are looked for; where they stood nowhere, fewer are.
        max_ngram: usize,
        /// The most tokens a round.
        tokens: usize,
    },
}

impl Speculation {
    /// A draft model with mlx-lm's number of tokens, 2.
    pub fn draft() -> Self {
        Self::Draft { tokens: 2 }
    }

    /// Ten tokens after the last three, as long as those stood before.
    pub fn lookup() -> Self {
        Self::PromptLookup { max_ngram: 3, tokens: 10 }
    }

    /// The most tokens a round.
    pub(super) fn tokens(self) -> usize {
        match self {
            Self::Draft { tokens } | Self::PromptLookup { tokens, .. } => tokens,
        }
    }

    pub(super) fn check(self) -> Result<()> {
        let require = |option, value: usize| {
            let range = "must be 1 or more".into();
            if value > 0 { Ok(()) } else { Err(Error::Option { option, value: value as f64, range }) }
        };
        require("tokens of the speculation", self.tokens())?;
        match self {
            Self::Draft { .. } => Ok(()),
            Self::PromptLookup { max_ngram, .. } => require("max_ngram of the speculation", max_ngram),
        }
    }
}

/// What became of drafted tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drafts {
    /// Tokens that were drafted.
    pub drafted: usize,
    /// Those of them that the model accepted.
    pub accepted: usize,
    /// Passes of the model.
    pub rounds: usize,
}

impl Drafts {
    /// The part of the drafted tokens that was accepted; 0 where none was drafted.
    pub fn acceptance(&self) -> f64 {
        if self.drafted == 0 { 0.0 } else { self.accepted as f64 / self.drafted as f64 }
    }
}

impl fmt::Display for Drafts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { drafted, accepted, rounds } = self;
        let percent = 100.0 * self.acceptance();
        write!(f, "{accepted} of {drafted} tokens accepted ({percent:.1} %) in {rounds} rounds")
    }
}
