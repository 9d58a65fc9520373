//! `<function name="weather"><param name="city">Paris</param></function>`, typed by the schema. The markers are the
//! beginning and the end of this, so they may be missing here.

use serde_json::Map;

use super::{Found, minimax_m2};
use crate::tool::{ToolCall, Tools, markup};

pub(in crate::tool) fn calls(text: &str, tools: &Tools) -> Vec<Found> {
    let functions = text.split("</function>").filter(|function| !function.trim().is_empty());
    functions.map(|function| call(function, tools)).collect()
}

fn call(text: &str, tools: &Tools) -> Found {
    let header = text.trim_start();
    let header = header.strip_prefix("<function").unwrap_or(header).trim_start();
    let header = header.strip_prefix("name").map_or(header, str::trim_start);
    let header = header.strip_prefix('=').unwrap_or(header);
    let (function, body) = named(header).ok_or("the function has no name")?;
    let mut arguments = Map::new();
    for parameter in markup::sections(body, "<param", "</param>") {
        let header = parameter.trim_start().strip_prefix("name").map(str::trim_start);
        let header = header.and_then(|header| header.strip_prefix('='));
        let Some((key, value)) = header.and_then(named) else { continue };
        arguments.insert(key.to_owned(), minimax_m2::argument(function, key, content(value), tools));
    }
    Ok(ToolCall::new(function, arguments))
}

/// A name, in quotes or not, before `>`, and what follows.
fn named(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once('>')?;
    let name = markup::unquoted(name);
    let is_name = !name.is_empty() && !name.contains('<');
    is_name.then_some((name, rest))
}

/// A value out of its CDATA block, if it is in one.
fn content(value: &str) -> &str {
    let value = value.trim();
    value.strip_prefix("<![CDATA[").and_then(|value| value.strip_suffix("]]>")).unwrap_or(value)
}
