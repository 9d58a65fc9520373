//! `weather<｜tool▁sep｜>{"city": "Paris"}` of DeepSeek V3.1, and the form of V3 and R1: `function<｜tool▁sep｜>weather`
//! with the arguments in a fence of JSON.

use super::Found;
use crate::tool::{ToolCall, Tools, json, markup};

pub(in crate::tool) fn calls(text: &str, _: &Tools) -> Vec<Found> {
    let calls: Vec<_> = text.split("<｜tool▁call▁begin｜>").skip(1).collect();
    calls.into_iter().map(call).collect()
}

fn call(text: &str) -> Found {
    let text = text.split_once("<｜tool▁call▁end｜>").map_or(text, |(call, _)| call);
    let (first, second) = text.split_once("<｜tool▁sep｜>").ok_or("the call has no separator")?;
    let (name, arguments) = match second.split_once("```json") {
        Some((name, fence)) if first.trim() == "function" => {
            (name, fence.rsplit_once("```").map_or(fence, |(body, _)| body))
        }
        _ => (first, second),
    };
    let name = markup::unquoted(name);
    if name.is_empty() {
        return Err("the call has no name".into());
    }
    Ok(ToolCall::new(name, json::arguments(&json::value(arguments.trim())?)?))
}
