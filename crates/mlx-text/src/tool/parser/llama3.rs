//! `{"name": "weather", "parameters": {"city": "Paris"}}`, several with `;` between them, or, for the functions that
//! Llama 3 brings along, `brave_search.call(query="..")`.

use super::Found;
use crate::tool::{ToolCall, Tools, json, literal};

/// The beginning of an object that may be a call, without white space.
const OPENINGS: [&str; 4] = ["{\"name\"", "{\"type\"", "{\"function\"", "{\"parameters\""];

pub(in crate::tool) fn calls(text: &str, _: &Tools) -> Vec<Found> {
    let mut rest = text.trim();
    if let Some((name, arguments)) = literal::call(rest) {
        return vec![Ok(ToolCall::new(name.strip_suffix(".call").unwrap_or(&name), arguments))];
    }
    let mut found = Vec::new();
    while !rest.is_empty() {
        match json::first_value(rest) {
            Ok((value, after)) => {
                found.extend(json::calls(&value));
                rest = after.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
            }
            Err(reason) => {
                found.push(Err(reason));
                break;
            }
        }
    }
    found
}

/// Whether an answer that begins so is a call without a marker; `None` while that is open.
pub(crate) fn opens_call(text: &str) -> Option<bool> {
    let dense: String = text.chars().filter(|c| !c.is_whitespace()).take(16).collect();
    if OPENINGS.iter().any(|opening| dense.starts_with(opening)) {
        return Some(true);
    }
    if OPENINGS.iter().any(|opening| opening.starts_with(&dense)) { None } else { Some(false) }
}
