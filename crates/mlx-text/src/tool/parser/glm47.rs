//! `weather<arg_key>city</arg_key><arg_value>Paris</arg_value>`, and what GLM writes instead at times: a JSON object,
//! `weather city=Paris`, or `weather {"city": "Paris"}`.

use minijinja::Value as Jinja;
use serde_json::{Map, Value};

use super::{Found, typed};
use crate::python;
use crate::tool::{ToolCall, Tools, json};

/// The tags around a key and a value.
pub(super) struct Tags {
    pub(super) key: [&'static str; 2],
    pub(super) value: [&'static str; 2],
}

const TAGS: Tags = Tags { key: ["<arg_key>", "</arg_key>"], value: ["<arg_value>", "</arg_value>"] };

pub(in crate::tool) fn calls(text: &str, tools: &Tools) -> Vec<Found> {
    if let Some(call) = TAGS.call(text, tools) {
        return vec![Ok(call)];
    }
    let text = text.trim();
    if text.starts_with(['{', '[']) {
        let found = json::value(text).map_or_else(|reason| vec![Err(reason)], |value| json::calls(&value));
        return found.into_iter().map(|call| call.map(|call| normal(call, tools))).collect();
    }
    plain(text, tools).map(Ok).into_iter().collect()
}

impl Tags {
    /// The call that the text is, if it holds a key.
    pub(super) fn call(&self, text: &str, tools: &Tools) -> Option<ToolCall> {
        let [key_open, _] = self.key;
        let (function, _) = text.split_once(key_open)?;
        let function = function.trim();
        let mut arguments = Map::new();
        let mut rest = text;
        while let Some((_, after)) = rest.split_once(key_open) {
            rest = after;
            let Some((key, value, next)) = self.pair(after) else { continue };
            arguments.insert(key.to_owned(), argument(function, key, value, tools));
            rest = next;
        }
        Some(ToolCall::new(function, arguments))
    }

    /// A key, its value, and what follows them.
    fn pair<'t>(&self, text: &'t str) -> Option<(&'t str, &'t str, &'t str)> {
        let ([_, key_close], [value_open, value_close]) = (self.key, self.value);
        let (key, after) = text.split_once(key_close)?;
        let (value, rest) = skip_breaks(after).strip_prefix(value_open)?.split_once(value_close)?;
        Some((key.trim(), value.trim(), rest))
    }
}

/// Skips white space, and line breaks that were written as `\n`.
fn skip_breaks(text: &str) -> &str {
    let mut rest = text.trim_start();
    while let Some(after) = rest.strip_prefix("\\n") {
        rest = after.trim_start();
    }
    rest
}

fn argument(function: &str, key: &str, value: &str, tools: &Tools) -> Value {
    if tools.is_string(function, key) { value.into() } else { typed::guessed(value) }
}

/// A call whose arguments came as JSON: declared strings become strings, other strings what they say.
fn normal(call: ToolCall, tools: &Tools) -> ToolCall {
    let normal = |(key, value): (String, Value)| {
        let value = match value {
            Value::String(text) => argument(&call.name, &key, &text, tools),
            value if tools.is_string(&call.name, &key) => {
                python::str(&Jinja::from_serialize(&value)).map_or(value, Value::from)
            }
            value => value,
        };
        (key, value)
    };
    let arguments = call.arguments.into_iter().map(normal).collect();
    ToolCall { arguments, id: call.id, name: call.name }
}

/// A name, then arguments as an object or as `key=value`, or anything else, which becomes the argument `raw`.
fn plain(text: &str, tools: &Tools) -> Option<ToolCall> {
    let object = |(name, rest): (&str, &str)| match typed::guessed(rest.trim()) {
        Value::Object(arguments) => Some(normal(ToolCall::new(name.trim(), arguments), tools)),
        _ => None,
    };
    let by_space = text.split_once(' ').unwrap_or((text, ""));
    if let Some(call) = text.split_once('\n').and_then(object).or_else(|| object(by_space)) {
        return Some(call);
    }
    let (name, rest) = (by_space.0, by_space.1.trim());
    if name.is_empty() {
        return None;
    }
    let arguments = if rest.is_empty() { Some(Map::new()) } else { pairs(name, rest, tools) };
    let raw = || Map::from_iter([("raw".to_owned(), rest.into())]);
    Some(ToolCall::new(name, arguments.unwrap_or_else(raw)))
}

fn pairs(function: &str, text: &str, tools: &Tools) -> Option<Map<String, Value>> {
    let pair = |word: String| {
        let (key, value) = word.split_once('=')?;
        let key = key.trim();
        (!key.is_empty()).then(|| (key.to_owned(), argument(function, key, value, tools)))
    };
    words(text)?.into_iter().map(pair).collect()
}

/// The words of a text as a POSIX shell splits it; `None` if a quote is not closed.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character.is_ascii_whitespace() {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        match character {
            '\'' | '"' => quoted(&mut characters, character, word)?,
            '\\' => word.push(characters.next()?),
            _ => word.push(character),
        }
    }
    words.extend(word);
    Some(words)
}

/// Reads to the closing quote. Double quotes know escapes of themselves and of the backslash.
fn quoted(characters: &mut std::str::Chars<'_>, quote: char, word: &mut String) -> Option<()> {
    loop {
        match characters.next()? {
            c if c == quote => return Some(()),
            '\\' if quote == '"' => match characters.next()? {
                c @ ('"' | '\\') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}
