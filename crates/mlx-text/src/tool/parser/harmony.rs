//! `<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "Paris"}` of gpt-oss.

use super::Found;
use crate::tool::{ToolCall, Tools, json};

pub(in crate::tool) fn calls(text: &str, _: &Tools) -> Vec<Found> {
    vec![call(text)]
}

fn call(text: &str) -> Found {
    let (header, body) = text.split_once("<|message|>").ok_or("the call has no message")?;
    let recipient = recipient(header).ok_or("the call has no recipient")?;
    let name = recipient.strip_prefix("functions.").unwrap_or(recipient);
    let body = body.trim();
    let arguments =
        if body.is_empty() { Ok(Default::default()) } else { json::arguments(&json::value(body)?) };
    Ok(ToolCall::new(name, arguments?))
}

/// Whom the message with this header is for, other than the user.
pub(crate) fn recipient(header: &str) -> Option<&str> {
    let (_, rest) = header.split_once("to=")?;
    let end = rest.find(|c: char| c.is_whitespace() || c == '<').unwrap_or(rest.len());
    Some(rest.split_at(end).0).filter(|recipient| !recipient.is_empty())
}
