//! Calls of functions in what a model writes.
//!
//! [`ToolFormat`] knows how each family of models spells a call; [`ResponseParser`](crate::ResponseParser) finds
//! calls in a text that arrives in pieces.

mod detect;
mod format;
mod json;
mod literal;
mod markup;
mod parser;
mod schema;

pub use format::{ParsedCalls, ToolFormat};
pub(crate) use parser::{harmony::recipient, llama3::opens_call};
pub use schema::Tools;

use serde_json::{Map, Value};

/// A function that the model wants to be called.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// What the result of the call refers to, where the model or the program gave it a name.
    pub id: Option<String>,
    /// The function.
    pub name: String,
    /// Its arguments by name.
    pub arguments: Map<String, Value>,
}

/// Whether a text begins with a whole JSON value.
pub(crate) fn parses_json(text: &str) -> bool {
    json::first_value(text).is_ok()
}

impl ToolCall {
    pub(crate) fn new(name: impl Into<String>, arguments: Map<String, Value>) -> Self {
        Self { id: None, name: name.into(), arguments }
    }
}

/// What was written as a call, but is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedCall {
    /// Why, in one line.
    pub reason: String,
    /// What the model wrote, its markers included.
    pub text: String,
}
