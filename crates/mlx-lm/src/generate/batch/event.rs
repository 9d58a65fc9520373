//! What a batch tells.

use std::fmt;

use crate::{Error, FinishReason, Stats, Token};

/// The name of one text of a batch; the generator never gives it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceId(pub(super) u64);

impl fmt::Display for SequenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Something that happened to one text of a batch. `T` is a [`Token`] or a [`Piece`](crate::Piece).
#[derive(Debug)]
pub struct Event<T = Token> {
    /// The text.
    pub id: SequenceId,
    /// What happened.
    pub kind: EventKind<T>,
}

/// What happened to a text.
#[derive(Debug)]
pub enum EventKind<T = Token> {
    /// More of its prompt was run.
    Prompt {
        /// The tokens that the cache holds; the last one of the prompt is run with the new ones.
        processed: usize,
        /// The tokens of the prompt.
        total: usize,
    },
    /// It has a new token or piece.
    New(T),
    /// It is at its end, and has left the batch.
    Finished {
        /// Why.
        reason: FinishReason,
        /// What it cost.
        stats: Stats,
    },
    /// It cannot go on, and has left the batch. Other texts are not concerned.
    Failed(Error),
}
