//! `functions.weather:0<|tool_call_argument_begin|>{"city": "Paris"}`; the part before the arguments is the call's id.

use super::{Found, typed};
use crate::tool::{ToolCall, Tools, json, markup};

pub(in crate::tool) fn calls(text: &str, _: &Tools) -> Vec<Found> {
    let found: Vec<_> =
        markup::sections(text, "<|tool_call_begin|>", "<|tool_call_end|>").map(call).collect();
    if found.is_empty() { vec![call(text)] } else { found }
}

fn call(text: &str) -> Found {
    let (id, arguments) =
        text.split_once("<|tool_call_argument_begin|>").ok_or("the call has no arguments")?;
    let id = id.trim();
    let (name, number) = id.rsplit_once(':').ok_or("the call has no number")?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the call has no number".into());
    }
    let name = name.strip_prefix("functions.").filter(|name| !name.is_empty()).unwrap_or(name);
    let arguments = json::arguments(&typed::guessed(arguments.trim()))?;
    Ok(ToolCall { id: Some(id.to_owned()), ..ToolCall::new(name, arguments) })
}
