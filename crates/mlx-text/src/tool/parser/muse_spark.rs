//! `<atem:invoke name="weather"><atem:parameter name="city">Paris</atem:parameter></atem:invoke>`.

use serde_json::{Map, Value};

use super::Found;
use crate::tool::{ToolCall, Tools, json, markup};

const PARAMETER: &str = "<atem:parameter";
const END: &str = "</atem:invoke>";

pub(in crate::tool) fn calls(text: &str, _: &Tools) -> Vec<Found> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = element(rest, "<atem:invoke") {
        let (arguments, next) = arguments(after);
        found.push(match name {
            Some(name) => Ok(ToolCall::new(name, arguments)),
            None => Err("the call has no name".into()),
        });
        rest = next;
    }
    found
}

/// The name of the next element, and what follows its opening tag.
fn element<'t>(text: &'t str, open: &str) -> Option<(Option<&'t str>, &'t str)> {
    let (tag, rest) =
        markup::between(text, open, ">").filter(|(tag, _)| tag.starts_with(char::is_whitespace))?;
    Some((markup::attribute(tag, "name").filter(|name| !name.is_empty()), rest))
}

/// The parameters up to the call's end, which may be written within a parameter too, and what follows.
fn arguments(text: &str) -> (Map<String, Value>, &str) {
    let mut arguments = Map::new();
    let mut rest = text;
    while let Some((key, value, next)) = parameter(rest) {
        if let Some(key) = key {
            arguments.insert(key.to_owned(), json::value(value).unwrap_or_else(|_| value.trim().into()));
        }
        rest = next;
    }
    (arguments, rest.split_once(END).map_or("", |(_, after)| after))
}

/// The name and value of the next parameter before the call's end, and what follows.
fn parameter(text: &str) -> Option<(Option<&str>, &str, &str)> {
    let end = text.find(END).unwrap_or(text.len());
    text.find(PARAMETER).filter(|&at| at < end)?;
    let (key, after) = element(text, PARAMETER)?;
    let (value, next) = after.split_once("</atem:parameter>")?;
    Some((key, value, next))
}
