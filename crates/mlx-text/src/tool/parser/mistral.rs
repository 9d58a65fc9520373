//! `[{"name": "weather", "arguments": {"city": "Paris"}}]` or `weather[ARGS]{"city": "Paris"}`, once or more.

use serde_json::Value;

use super::Found;
use crate::tool::{ToolCall, Tools, json};

const ARGUMENTS: &str = "[ARGS]";
const ID: &str = "[CALL_ID]";

pub(in crate::tool) fn calls(text: &str, _: &Tools) -> Vec<Found> {
    match json::value(text) {
        Ok(list @ Value::Array(_)) => json::calls(&list),
        _ => headers(text),
    }
}

fn headers(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((header, after)) = rest.split_once(ARGUMENTS) {
        match json::first_value(after) {
            Ok((arguments, next)) => {
                found.push(call(header, &arguments));
                rest = next;
            }
            Err(reason) => {
                found.push(Err(reason));
                rest = after;
            }
        }
    }
    found
}

fn call(header: &str, arguments: &Value) -> Found {
    let (header, id) = match header.rsplit_once(ID) {
        Some((header, id)) => (header, Some(id.trim().to_owned())),
        None => (header, None),
    };
    let name = header.trim_end().rsplit(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-')).next();
    let name = name.filter(|name| !name.is_empty()).ok_or("the call has no name")?;
    Ok(ToolCall { id, ..ToolCall::new(name, json::arguments(arguments)?) })
}
