//! JSON as models write it, and calls that are JSON objects.

use serde_json::{Deserializer, Map, Value};

use super::ToolCall;

/// One JSON value and nothing else.
pub(super) fn value(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// As [`value`], where strings may hold line breaks and other control characters as they are.
pub(super) fn lax_value(text: &str) -> Result<Value, String> {
    value(text).or_else(|_| value(&escaped(text)))
}

/// The JSON value at the start of a text, and what follows it.
pub(super) fn first_value(text: &str) -> Result<(Value, &str), String> {
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => Ok((value, text.get(values.byte_offset()..).unwrap_or_default())),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("a JSON value is missing".into()),
    }
}

/// A call of the form `{"name": .., "arguments": {..}}`, under the names that models use for these.
pub(super) fn call(value: &Value) -> Result<ToolCall, String> {
    let outer = value.as_object().ok_or("a call is a JSON object")?;
    let inner =
        ["tool", "function", "name"].iter().find_map(|key| outer.get(*key)?.as_object()).unwrap_or(outer);
    let name = ["name", "function"].iter().find_map(|key| inner.get(*key)?.as_str());
    let name = name.ok_or("the call has no name")?;
    let given =
        ["arguments", "parameters"].iter().find_map(|key| inner.get(*key).or_else(|| outer.get(*key)));
    let id = outer.get("id").and_then(Value::as_str).map(str::to_owned);
    Ok(ToolCall { id, ..ToolCall::new(name, given.map_or_else(|| Ok(Map::new()), arguments)?) })
}

/// The calls of a list, or the one call that a value is.
pub(super) fn calls(value: &Value) -> Vec<Result<ToolCall, String>> {
    match value.as_array() {
        Some(list) => list.iter().map(call).collect(),
        None => vec![call(value)],
    }
}

/// Arguments are an object, which some templates write as a string.
pub(super) fn arguments(given: &Value) -> Result<Map<String, Value>, String> {
    match given {
        Value::Object(map) => Ok(map.clone()),
        Value::Null => Ok(Map::new()),
        Value::String(text) => match value(text) {
            Ok(Value::Object(map)) => Ok(map),
            _ => Err("the arguments are a text, not a JSON object".into()),
        },
        _ => Err("the arguments are not a JSON object".into()),
    }
}

/// The text with its strings' control characters escaped.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut inside, mut after_backslash) = (false, false);
    for character in text.chars() {
        if inside && character.is_ascii_control() {
            out.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            out.push(character);
        }
        inside ^= character == '"' && !after_backslash;
        after_backslash = inside && character == '\\' && !after_backslash;
    }
    out
}
