//! JSON as Python writes it: with bare `NaN` and `Infinity`, or floats tagged as objects.

use std::path::Path;

use serde_json::Value;

use crate::{Error, Result};

/// Reads a JSON file; see [`parse`] for what is accepted beyond the standard.
pub(crate) fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    parse(&text).map_err(|source| Error::Json { path: path.to_owned(), source })
}

/// Parses JSON in which non-finite numbers may appear.
///
/// JSON values cannot be infinite, so infinity becomes the largest `f64`, which is infinite
/// again when read as `f32`; NaN becomes null.
fn parse(text: &str) -> serde_json::Result<Value> {
    let mut value = serde_json::from_str(text)
        .or_else(|error| serde_json::from_str(&replace_non_finite(text)).map_err(|_| error))?;
    untag_floats(&mut value);
    Ok(value)
}

fn non_finite(name: &str) -> Option<Value> {
    match name {
        "Infinity" => Some(f64::MAX.into()),
        "-Infinity" => Some(f64::MIN.into()),
        "NaN" => Some(Value::Null),
        _ => None,
    }
}

/// Replaces bare `NaN`, `Infinity` and `-Infinity` outside strings by standard JSON.
fn replace_non_finite(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    let mut in_string = false;
    let mut word = String::new();
    let mut escaped = false;
    for c in text.chars() {
        if !in_string && (c.is_ascii_alphabetic() || c == '-') {
            word.push(c);
            continue;
        }
        flush_word(&mut word, &mut output);
        in_string ^= c == '"' && !escaped;
        escaped = in_string && c == '\\' && !escaped;
        output.push(c);
    }
    flush_word(&mut word, &mut output);
    output
}

fn flush_word(word: &mut String, output: &mut String) {
    match non_finite(word) {
        Some(value) => output.push_str(&value.to_string()),
        None => output.push_str(word),
    }
    word.clear();
}

/// Turns `{"__float__": "Infinity"}` into a number, at any depth.
fn untag_floats(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(untag_floats),
        Value::Object(fields) => {
            let tagged = fields.get("__float__").and_then(Value::as_str).and_then(non_finite);
            match tagged.filter(|_| fields.len() == 1) {
                Some(number) => *value = number,
                None => fields.values_mut().for_each(untag_floats),
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse;

    #[test]
    fn bare_non_finite_numbers_are_read() {
        let value = parse(r#"{"limit": [0.0, Infinity], "low": -Infinity, "x": NaN, "n": -1}"#).unwrap();
        assert_eq!(value, json!({"limit": [0.0, f64::MAX], "low": f64::MIN, "x": null, "n": -1}));
    }

    #[test]
    fn tagged_floats_are_read_at_any_depth() {
        let value = parse(r#"{"a": [{"__float__": "Infinity"}], "b": {"__float__": "NaN"}}"#).unwrap();
        assert_eq!(value, json!({"a": [f64::MAX], "b": null}));
    }

    #[test]
    fn infinity_is_infinite_again_as_f32() {
        let value = parse("Infinity").unwrap();
        assert_eq!(value.as_f64().unwrap() as f32, f32::INFINITY);
    }

    #[test]
    fn words_in_strings_stay() {
        let value = parse(r#"{"a \" NaN": "Infinity, NaN \\", "b": NaN}"#).unwrap();
        assert_eq!(value, json!({"a \" NaN": "Infinity, NaN \\", "b": null}));
    }

    #[test]
    fn broken_json_reports_the_first_error() {
        assert!(parse("{\"a\": 1,\n \"b\" 2}").unwrap_err().to_string().contains("line 2"));
    }
}
