//! Conversations: a [`ChatSession`] keeps the messages, and what the model remembers of them, over many turns.

mod event;
mod memory;
mod passage;
mod session;
mod stream;

pub use event::{ChatEvent, ChatStats, Finished};
pub use passage::{Passage, Reader};
pub use session::ChatSession;
pub use stream::ChatStream;

/// The chapter of the guide, whose code is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/guide/chat.md")]
pub struct Guide;
