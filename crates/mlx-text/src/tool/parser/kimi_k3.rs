//! `<|open|>call tool="weather"<|sep|>`, then arguments with their types or one JSON object.

use serde_json::{Map, Value};

use super::Found;
use crate::tool::{ToolCall, Tools, json, markup};

const SEPARATOR: &str = "<|sep|>";

pub(in crate::tool) fn calls(text: &str, _: &Tools) -> Vec<Found> {
    elements(text, "<|open|>call", "<|close|>call<|sep|>").map(|(tag, body)| call(tag, body)).collect()
}

fn call(tag: &str, body: &str) -> Found {
    let name = attribute(tag, "tool").filter(|name| !name.is_empty()).ok_or("the call has no tool")?;
    if let Some((_, text)) = elements(body, "<|open|>json", "<|close|>json<|sep|>").next() {
        return match json::value(text)? {
            Value::Object(arguments) => Ok(ToolCall::new(name, arguments)),
            _ => Err("the arguments are not a JSON object".into()),
        };
    }
    let mut arguments = Map::new();
    for (tag, text) in elements(body, "<|open|>argument", "<|close|>argument<|sep|>") {
        let key = attribute(tag, "key").ok_or("an argument has no key")?;
        let is_string = attribute(tag, "type").is_none_or(|kind| kind == "string");
        let value = if is_string { None } else { json::value(text).ok() };
        arguments.insert(key, value.unwrap_or_else(|| text.into()));
    }
    Ok(ToolCall::new(name, arguments))
}

/// The attributes and the content of each element.
fn elements<'t>(text: &'t str, open: &'t str, close: &'t str) -> impl Iterator<Item = (&'t str, &'t str)> {
    markup::sections(text, open, close).filter_map(|element| element.split_once(SEPARATOR))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    Some(markup::attribute(tag, name)?.replace("&quot;", "\"").replace("&amp;", "&"))
}
