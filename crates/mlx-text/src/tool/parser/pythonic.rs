//! `[weather(city="Paris", days=2)]`.

use serde_json::{Map, Value};

use super::Found;
use crate::tool::{ToolCall, Tools, literal};

pub(in crate::tool) fn calls(text: &str, _: &Tools) -> Vec<Found> {
    let list = text.find('[').zip(text.rfind(']')).and_then(|(start, end)| text.get(start..=end));
    match list.and_then(literal::calls) {
        Some(calls) => {
            calls.into_iter().map(|(name, arguments)| Ok(ToolCall::new(name, arguments))).collect()
        }
        None => loose(text).map(Ok).into_iter().collect(),
    }
}

/// A call that is no valid Python, such as one with an argument that lacks its quotes.
fn loose(text: &str) -> Option<ToolCall> {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    let mut rest = text;
    loop {
        rest = rest.split_once('[')?.1;
        let (name, after) = rest.split_once('(')?;
        if is_name(name) {
            let (arguments, _) = after.split_once(")]")?;
            return Some(ToolCall::new(name, loose_arguments(arguments)));
        }
    }
}

fn loose_arguments(text: &str) -> Map<String, Value> {
    let mut arguments = Map::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        let key = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        let (value, next) = loose_value(after);
        if !key.is_empty() {
            arguments.insert(key.to_owned(), literal::literal(value).unwrap_or_else(|| value.into()));
        }
        rest = next;
    }
    arguments
}

/// A quoted value or one up to a comma, and what follows.
fn loose_value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some((value, rest)) = text.strip_prefix(quote).and_then(|text| text.split_once(quote))
            && (rest.is_empty() || rest.starts_with(','))
        {
            return (value, rest);
        }
    }
    let (value, rest) = text.split_once(',').unwrap_or((text, ""));
    (value.trim(), rest)
}
