//! What a chat model writes, taken apart: text for the user, reasoning, and calls of functions.
//!
//! [`ResponseFormat`] says how a model marks these, [`ResponseParser`] finds them in a text that arrives in pieces.

mod format;
mod machine;

pub use format::{Reasoning, ResponseFormat};
pub use machine::{ResponseEvent, ResponseParser};
