//! `weather<longcat_arg_key>city</longcat_arg_key><longcat_arg_value>Paris</longcat_arg_value>`, or a JSON object.

use serde_json::Map;

use super::Found;
use super::glm47::Tags;
use crate::tool::{ToolCall, Tools, json};

const TAGS: Tags = Tags {
    key: ["<longcat_arg_key>", "</longcat_arg_key>"],
    value: ["<longcat_arg_value>", "</longcat_arg_value>"],
};

pub(in crate::tool) fn calls(text: &str, tools: &Tools) -> Vec<Found> {
    let text = text.trim();
    match json::value(text) {
        Ok(value) if value.is_object() => vec![json::call(&value)],
        Err(reason) if text.starts_with('{') => vec![Err(reason)],
        _ => TAGS.call(text, tools).or_else(|| without_arguments(text)).map(Ok).into_iter().collect(),
    }
}

fn without_arguments(text: &str) -> Option<ToolCall> {
    let is_name = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '<');
    is_name.then(|| ToolCall::new(text, Map::new()))
}
