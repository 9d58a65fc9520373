//! YAML as configs have it: no anchors, no tags, one document.

use serde_json::{Map, Value};
use yaml_rust2::Event;
use yaml_rust2::parser::Parser;
use yaml_rust2::scanner::TScalarStyle;

/// No config is nested deeper.
const DEEPEST: usize = 32;

/// A collection that is not over, and where it begins.
enum Open {
    List(Vec<Value>),
    /// With the key whose value comes next.
    Fields(Map<String, Value>, Option<String>),
}

/// What a text says. JSON is YAML, too.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    loop {
        let (event, place) = parser.next_token().map_err(|error| error.to_string())?;
        let wrong = |problem: &str| format!("line {}: {problem}", place.line());
        let whole = match event {
            Event::Scalar(text, style, 0, None) => scalar(text, style),
            Event::SequenceStart(0, None) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(0, None) => {
                open.push(Open::Fields(Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(list)) => Value::Array(list),
                Some(Open::Fields(fields, _)) => Value::Object(fields),
                None => return Err(wrong("ends what has not begun")),
            },
            Event::StreamEnd => return Err("has no fields".to_owned()),
            Event::Nothing | Event::StreamStart | Event::DocumentStart | Event::DocumentEnd => continue,
            _ => return Err(wrong("has an anchor or a tag, which is not supported")),
        };
        if open.len() > DEEPEST {
            return Err(wrong("is nested deeper than any config"));
        }
        match open.last_mut() {
            None => return Ok(whole),
            Some(Open::List(list)) => list.push(whole),
            Some(Open::Fields(fields, key)) => match key.take() {
                Some(name) if fields.contains_key(&name) => return Err(wrong(&format!("has {name} twice"))),
                Some(name) => drop(fields.insert(name, whole)),
                None => *key = Some(name(whole)),
            },
        }
    }
}

/// A key, which is a text whatever it looks like.
fn name(key: Value) -> String {
    match key {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn scalar(text: String, style: TScalarStyle) -> Value {
    if style != TScalarStyle::Plain {
        return Value::String(text);
    }
    match text.as_str() {
        "" | "~" | "null" => Value::Null,
        "true" | "True" => Value::Bool(true),
        "false" | "False" => Value::Bool(false),
        plain => match (plain.parse::<i64>(), plain.parse::<f64>()) {
            (Ok(integer), _) => Value::from(integer),
            (_, Ok(float)) if float.is_finite() => Value::from(float),
            _ => Value::String(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn blocks_and_flows_and_scalars_are_read() {
        let text = "
a: # a comment
  b: 3
  c: [1.5, -2e-3, 'x: y', \"4\", null, true]
d:
- e: x.y.Z
  f: ~
- []
7: {g: False}
";
        let expected = json!({
            "a": {"b": 3, "c": [1.5, -2e-3, "x: y", "4", null, true]},
            "d": [{"e": "x.y.Z", "f": null}, []],
            "7": {"g": false},
        });
        assert_eq!(read(text).unwrap(), expected);
        assert_eq!(read(&expected.to_string()).unwrap(), expected);
    }

    #[test]
    fn what_no_config_has_is_refused() {
        let problem = |text: &str| read(text).unwrap_err();
        assert!(problem("a: &x 1\nb: *x\n").starts_with("line 1: has an anchor"));
        assert!(problem("a: !!python/object 1\n").contains("a tag"));
        assert!(problem("a: 1\na: 2\n").contains("has a twice"));
        assert!(problem(&"[".repeat(1 << 16)).lines().count() == 1);
        assert!(problem(&"{a: ".repeat(40)).lines().count() == 1);
        assert!(problem(&("[".repeat(40) + &"]".repeat(40))).contains("deeper"));
        assert_eq!(problem(""), "has no fields");
        assert!(!problem("a: [1\nb: 2").is_empty());
    }
}
