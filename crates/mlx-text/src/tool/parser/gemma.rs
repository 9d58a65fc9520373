//! `call:weather{city:<|"|>Paris<|"|>,days:[1,2]}`: Gemma's own notation of values, with a string's quotes as a token.

use serde_json::{Map, Value};

use super::Found;
use crate::tool::{ToolCall, Tools, json};

/// Deeper values than this are no arguments of a call.
const MAX_DEPTH: usize = 64;

pub(in crate::tool) fn function_gemma(text: &str, _: &Tools) -> Vec<Found> {
    calls(text, "<escape>", true)
}

pub(in crate::tool) fn gemma4(text: &str, _: &Tools) -> Vec<Found> {
    calls(text, "<|\"|>", false)
}

/// `bare` allows strings without quotes.
fn calls(text: &str, quote: &'static str, bare: bool) -> Vec<Found> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("call:") {
        let name_end =
            after.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-')).unwrap_or(after.len());
        let (name, body) = after.split_at(name_end);
        rest = body;
        if name.is_empty() || !body.starts_with('{') {
            continue;
        }
        let mut reader = Reader { rest: body, quote, bare, depth: 0 };
        let arguments = reader.object();
        found.push(arguments.map(|arguments| ToolCall::new(name, arguments)));
        rest = reader.rest;
    }
    found
}

struct Reader<'t> {
    rest: &'t str,
    quote: &'static str,
    bare: bool,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn eat(&mut self, wanted: &str) -> bool {
        let after = self.rest.trim_start().strip_prefix(wanted);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn object(&mut self) -> Result<Map<String, Value>, String> {
        let mut map = Map::new();
        self.eat("{");
        while !self.eat("}") {
            let key = self.key()?;
            map.insert(key, self.value()?);
            if !self.eat(",") && !self.rest.trim_start().starts_with('}') {
                return Err("an object does not end".into());
            }
        }
        Ok(map)
    }

    fn key(&mut self) -> Result<String, String> {
        if self.eat(self.quote) {
            let key = self.string()?;
            return if self.eat(":") { Ok(key) } else { Err(format!("`{key}` has no value")) };
        }
        let (key, rest) = self.rest.split_once(':').ok_or("an argument has no value")?;
        let key = key.trim().trim_matches('"');
        if key.is_empty() || key.contains(['{', '}', ',']) {
            return Err("an argument has no name".into());
        }
        self.rest = rest;
        Ok(key.to_owned())
    }

    fn value(&mut self) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("the arguments are nested too deep".into());
        }
        let value = if self.eat(self.quote) {
            self.string().map(Value::String)
        } else if self.rest.trim_start().starts_with('{') {
            self.object().map(Value::Object)
        } else if self.eat("[") {
            self.list()
        } else {
            self.scalar()
        };
        self.depth -= 1;
        value
    }

    fn list(&mut self) -> Result<Value, String> {
        let mut items = Vec::new();
        while !self.eat("]") {
            items.push(self.value()?);
            if !self.eat(",") && !self.rest.trim_start().starts_with(']') {
                return Err("a list does not end".into());
            }
        }
        Ok(Value::Array(items))
    }

    fn string(&mut self) -> Result<String, String> {
        let (text, rest) = self.rest.split_once(self.quote).ok_or("a string does not end")?;
        self.rest = rest;
        Ok(text.to_owned())
    }

    fn scalar(&mut self) -> Result<Value, String> {
        if self.rest.trim_start().starts_with('"')
            && let Ok((value, rest)) = json::first_value(self.rest)
        {
            self.rest = rest;
            return Ok(value);
        }
        let (text, rest): (&'t str, &'t str) =
            self.rest.split_at(self.rest.find([',', '}', ']']).unwrap_or(self.rest.len()));
        self.rest = rest;
        match json::value(text.trim()) {
            Err(_) if self.bare => Ok(text.into()),
            Err(_) => Err(format!("{:?} is no value", text.trim())),
            value => value,
        }
    }
}
