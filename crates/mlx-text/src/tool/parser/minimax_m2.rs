//! `<invoke name="weather"><parameter name="city">Paris</parameter></invoke>`, typed by the schema.

use serde_json::{Map, Value};

use super::{Found, typed};
use crate::tool::{ToolCall, Tools, json, literal, markup};

pub(in crate::tool) fn calls(text: &str, tools: &Tools) -> Vec<Found> {
    markup::sections(text, "<invoke name=", "</invoke>").map(|text| call(text, tools)).collect()
}

fn call(text: &str, tools: &Tools) -> Found {
    let (function, body) = text.split_once('>').unwrap_or((text, ""));
    let function = markup::unquoted(function);
    if function.is_empty() {
        return Err("the call has no name".into());
    }
    let parameters = markup::sections(body, "<parameter name=", "</parameter>");
    let argument = |(key, value): (&str, &str)| {
        let key = markup::unquoted(key);
        (key.to_owned(), argument(function, key, value.trim(), tools))
    };
    let arguments: Map<_, _> =
        parameters.filter_map(|parameter| parameter.split_once('>')).map(argument).collect();
    Ok(ToolCall::new(function, arguments))
}

/// The value of the first type, from whole numbers to strings, that the schema allows and the text fits.
pub(super) fn argument(function: &str, key: &str, text: &str, tools: &Tools) -> Value {
    let lower = text.to_lowercase();
    if lower == "null" {
        return Value::Null;
    }
    let types = tools.types(function, key);
    let allows = |names: &[&str]| types.iter().any(|kind| names.contains(&kind.as_str()));
    if allows(&["null"]) && matches!(lower.as_str(), "none" | "nil") {
        return Value::Null;
    }
    let integer = || allows(&["integer", "int"]).then(|| typed::integer(text))?;
    let number = || allows(&["number", "float"]).then(|| typed::float(text))?;
    let boolean = || allows(&["boolean", "bool"]).then(|| boolean(lower.trim()))?;
    let container = || {
        allows(&["object", "array"]).then(|| json::lax_value(text).ok().or_else(|| literal::literal(text)))?
    };
    let string = || allows(&["string", "str", "text"]).then(|| text.into());
    let value = integer().or_else(number).or_else(boolean).or_else(container).or_else(string);
    value.or_else(|| json::value(text).ok()).unwrap_or_else(|| text.into())
}

fn boolean(text: &str) -> Option<Value> {
    match text {
        "true" | "1" | "yes" | "on" => Some(true.into()),
        "false" | "0" | "no" | "off" => Some(false.into()),
        _ => None,
    }
}
