//! `<function=weather><parameter=city>\nParis\n</parameter></function>`, typed by the schema.

use serde_json::{Map, Value};

use super::{Found, typed};
use crate::tool::{ToolCall, Tools, json, literal, markup};

const OPEN: &str = "<function=";
const CLOSE: &str = "</function>";

pub(in crate::tool) fn calls(text: &str, tools: &Tools) -> Vec<Found> {
    let mut rest = text;
    let mut found = Vec::new();
    while let Some((_, after)) = rest.split_once(OPEN) {
        let (function, next) = match function_end(after) {
            Some(end) => end,
            None => return found.into_iter().chain([Err(format!("`{CLOSE}` is missing"))]).collect(),
        };
        found.push(call(function, tools));
        rest = next;
    }
    found
}

/// A function's text and what follows. Its end is one that another function or nothing follows: code in an argument may
/// hold the end marker too.
fn function_end(text: &str) -> Option<(&str, &str)> {
    let ends = text.match_indices(CLOSE).map(|(at, _)| text.split_at(at));
    ends.map(|(function, rest)| (function, rest.strip_prefix(CLOSE).unwrap_or(rest)))
        .find(|(_, rest)| rest.trim_start().is_empty() || rest.trim_start().starts_with(OPEN))
}

fn call(text: &str, tools: &Tools) -> Found {
    let (function, rest) = name(text).ok_or("the function has no name")?;
    let mut arguments = Map::new();
    for (key, value) in markup::sections(rest, "<parameter=", "</parameter>").filter_map(name) {
        let value = markup::without_line_breaks(value);
        let value = typed(value, tools.parameter(function, key))
            .ok_or_else(|| format!("`{key}` of `{function}` is {value:?}, which is not of its type"))?;
        arguments.insert(key.to_owned(), value);
    }
    Ok(ToolCall::new(function, arguments))
}

/// The name before `>` or a space, and what follows.
fn name(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    (!name.is_empty()).then(|| (name, rest.strip_prefix('>').unwrap_or(rest)))
}

/// The value by its schema; `None` if it is a number by that, but none by its text.
fn typed(text: &str, schema: Option<&Value>) -> Option<Value> {
    if text.eq_ignore_ascii_case("null") {
        return Some(Value::Null);
    }
    let Some(schema) = schema.and_then(Value::as_object).filter(|schema| !schema.is_empty()) else {
        return Some(text.into());
    };
    let Some(kind) = schema.get("type") else {
        let container = json::value(text).ok().filter(|value| value.is_object() || value.is_array());
        return Some(container.unwrap_or_else(|| text.into()));
    };
    let kind = kind.as_str().unwrap_or_default().trim().to_lowercase();
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| kind.starts_with(prefix));
    if ["string", "str", "text", "varchar", "char", "enum"].contains(&kind.as_str()) {
        Some(text.into())
    } else if begins(&["int", "uint", "long", "short", "unsigned"]) {
        typed::float(text).filter(|number| !number.is_f64())
    } else if begins(&["num", "float"]) {
        typed::float(text)
    } else if ["boolean", "bool", "binary"].contains(&kind.as_str()) {
        Some(text.eq_ignore_ascii_case("true").into())
    } else {
        let container = begins(&["object", "array", "arr", "dict", "list"]);
        let value = container.then(|| json::lax_value(text).ok()).flatten();
        Some(value.or_else(|| literal::literal(text)).unwrap_or_else(|| text.into()))
    }
}
