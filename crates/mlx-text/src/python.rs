//! Values written as Python writes them, which is what chat templates were tested with.

use minijinja::{
    Error, ErrorKind, Value,
    value::{Kwargs, ValueKind},
};

type Result<T> = std::result::Result<T, Error>;

/// Templates indent by 2 or 4; more would only fill memory.
const MAX_INDENT: usize = 16;

/// Python's `str(value)`.
pub(crate) fn str(value: &Value) -> Result<String> {
    match value.kind() {
        ValueKind::String => Ok(value.to_string()),
        ValueKind::Undefined => Ok(String::new()),
        _ => Layout::python().text(value),
    }
}

/// The filter `tojson`: Python's `json.dumps(value, ensure_ascii=False)`, with its other arguments.
pub(crate) fn json(value: &Value, arguments: Kwargs) -> Result<String> {
    let flag = |name| Ok::<_, Error>(arguments.get::<Option<bool>>(name)?.unwrap_or(false));
    let indent = arguments.get::<Option<Value>>("indent")?.map(|indent| indentation(&indent)).transpose()?;
    let separators = arguments.get::<Option<Vec<String>>>("separators")?;
    let (item, key) = match separators.as_deref() {
        Some([item, key]) => (item.as_str(), key.as_str()),
        Some(_) => return Err(invalid("tojson: separators are two strings")),
        None if indent.is_some() => (",", ": "),
        None => (", ", ": "),
    };
    let notation = Notation::Json { ensure_ascii: flag("ensure_ascii")? };
    let layout = Layout { notation, indent, item, key, sort_keys: flag("sort_keys")? };
    arguments.assert_all_used()?;
    layout.text(value)
}

/// The test `sequence`: Python calls strings and dicts sequences too.
pub(crate) fn is_sequence(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::String | ValueKind::Map)
}

/// The test `iterable`: Python cannot iterate over `None`.
pub(crate) fn is_iterable(value: &Value) -> bool {
    !value.is_none() && value.try_iter().is_ok()
}

enum Notation {
    Python,
    Json { ensure_ascii: bool },
}

struct Layout<'a> {
    notation: Notation,
    indent: Option<String>,
    item: &'a str,
    key: &'a str,
    sort_keys: bool,
}

impl Layout<'_> {
    fn python() -> Self {
        Self { notation: Notation::Python, indent: None, item: ", ", key: ": ", sort_keys: false }
    }

    fn text(&self, value: &Value) -> Result<String> {
        let mut out = String::new();
        self.write(value, 0, &mut out)?;
        Ok(out)
    }

    fn write(&self, value: &Value, depth: usize, out: &mut String) -> Result<()> {
        match value.kind() {
            ValueKind::Seq | ValueKind::Iterable => self.write_list(value, depth, out)?,
            ValueKind::Map => self.write_map(value, depth, out)?,
            ValueKind::String => out.push_str(&self.quoted(value.as_str().unwrap_or_default())),
            ValueKind::Bool | ValueKind::None => out.push_str(self.word(value)),
            ValueKind::Number if value.is_integer() => out.push_str(&value.to_string()),
            ValueKind::Number => out.push_str(&self.float(f64::try_from(value.clone())?)),
            kind => match self.notation {
                Notation::Python => out.push_str(&value.to_string()),
                Notation::Json { .. } => return Err(invalid(format!("tojson: {kind} has no JSON form"))),
            },
        }
        Ok(())
    }

    fn write_list(&self, list: &Value, depth: usize, out: &mut String) -> Result<()> {
        out.push('[');
        let mut empty = true;
        for item in list.try_iter()? {
            self.start_item(empty, depth, out);
            self.write(&item, depth + 1, out)?;
            empty = false;
        }
        self.close(']', empty, depth, out);
        Ok(())
    }

    fn write_map(&self, map: &Value, depth: usize, out: &mut String) -> Result<()> {
        let mut keys: Vec<Value> = map.try_iter()?.collect();
        if self.sort_keys {
            keys.sort();
        }
        out.push('{');
        for (index, key) in keys.iter().enumerate() {
            self.start_item(index == 0, depth, out);
            match self.notation {
                Notation::Python => self.write(key, depth, out)?,
                Notation::Json { .. } => out.push_str(&self.quoted(&key.to_string())),
            }
            out.push_str(self.key);
            self.write(&map.get_item(key)?, depth + 1, out)?;
        }
        self.close('}', keys.is_empty(), depth, out);
        Ok(())
    }

    fn start_item(&self, first: bool, depth: usize, out: &mut String) {
        if !first {
            out.push_str(self.item);
        }
        self.new_line(depth + 1, out);
    }

    fn close(&self, bracket: char, empty: bool, depth: usize, out: &mut String) {
        if !empty {
            self.new_line(depth, out);
        }
        out.push(bracket);
    }

    fn new_line(&self, depth: usize, out: &mut String) {
        if let Some(indent) = &self.indent {
            out.push('\n');
            out.push_str(&indent.repeat(depth));
        }
    }

    fn word(&self, value: &Value) -> &'static str {
        match (&self.notation, value.is_none(), value.is_true()) {
            (Notation::Python, true, _) => "None",
            (Notation::Python, _, true) => "True",
            (Notation::Python, _, false) => "False",
            (Notation::Json { .. }, true, _) => "null",
            (Notation::Json { .. }, _, true) => "true",
            (Notation::Json { .. }, _, false) => "false",
        }
    }

    fn float(&self, number: f64) -> String {
        let python = matches!(self.notation, Notation::Python);
        match number {
            f64::INFINITY => if python { "inf" } else { "Infinity" }.to_owned(),
            f64::NEG_INFINITY => if python { "-inf" } else { "-Infinity" }.to_owned(),
            _ if number.is_nan() => if python { "nan" } else { "NaN" }.to_owned(),
            _ => finite(number),
        }
    }

    fn quoted(&self, text: &str) -> String {
        match self.notation {
            Notation::Python => python_quoted(text),
            Notation::Json { ensure_ascii } => json_quoted(text, ensure_ascii),
        }
    }
}

/// Python's shortest form of a float: an exponent below 1e-4 and from 1e16 on.
fn finite(number: f64) -> String {
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => format!("{number:?}"),
    }
}

fn python_quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

fn json_quoted(text: &str, ensure_ascii: bool) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    if !ensure_ascii {
        return quoted;
    }
    let mut out = String::new();
    for character in quoted.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

/// One step of indentation: so many spaces, or the string given.
fn indentation(indent: &Value) -> Result<String> {
    if let Some(text) = indent.as_str() {
        return Ok(text.to_owned());
    }
    match usize::try_from(indent.clone()) {
        Ok(spaces) if spaces <= MAX_INDENT => Ok(" ".repeat(spaces)),
        _ => Err(invalid(format!("tojson: indent is {indent}, but may be 0 to {MAX_INDENT}"))),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tojson(value: &Value, arguments: &[(&str, Value)]) -> String {
        json(value, arguments.iter().cloned().collect()).unwrap()
    }

    fn sample() -> Value {
        Value::from_serialize(serde_json::json!({"b": [1, 2.5, true, null], "a": "<é\u{1F600}'\">", "e": {}}))
    }

    #[test]
    fn tojson_writes_as_json_dumps() {
        assert_eq!(tojson(&sample(), &[]), "{\"b\": [1, 2.5, true, null], \"a\": \"<é😀'\\\">\", \"e\": {}}");
        assert_eq!(
            tojson(&sample(), &[("ensure_ascii", true.into()), ("sort_keys", true.into())]),
            "{\"a\": \"<\\u00e9\\ud83d\\ude00'\\\">\", \"b\": [1, 2.5, true, null], \"e\": {}}"
        );
        assert_eq!(
            tojson(&Value::from_serialize(serde_json::json!({"a": [1, []]})), &[("indent", 2.into())]),
            "{\n  \"a\": [\n    1,\n    []\n  ]\n}"
        );
    }

    #[test]
    fn tojson_refuses_what_json_dumps_refuses() {
        for (value, arguments, message) in [
            (Value::UNDEFINED, vec![], "tojson: undefined has no JSON form"),
            (sample(), vec![("indent", 99.into())], "tojson: indent is 99, but may be 0 to 16"),
            (sample(), vec![("separators", vec![","].into())], "tojson: separators are two strings"),
        ] {
            let error = json(&value, arguments.into_iter().collect()).unwrap_err();
            assert_eq!(error.detail(), Some(message));
        }
    }

    #[test]
    fn str_writes_as_python() {
        assert_eq!(str(&sample()).unwrap(), "{'b': [1, 2.5, True, None], 'a': '<é😀\\'\">', 'e': {}}");
        assert_eq!(str(&Value::from("it's")).unwrap(), "it's");
        assert_eq!(str(&Value::from(vec!["it's\n"])).unwrap(), "[\"it's\\n\"]");
        assert_eq!(str(&Value::UNDEFINED).unwrap(), "");
    }

    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (number, text) in [
            (0.0, "0.0"),
            (-2.0, "-2.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1e100, "1e+100"),
        ] {
            assert_eq!(finite(number), text);
        }
    }
}
