//! What the functions of a program take, by their JSON schemas.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The functions that a model may call, as a chat template gets them.
///
/// ```
/// use mlx_text::Tools;
/// use serde_json::json;
///
/// let tools = Tools::new(&json!([{"type": "function", "function": {
///     "name": "weather",
///     "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
/// }}]));
/// assert!(!tools.is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tools(BTreeMap<String, Map<String, Value>>);

impl Tools {
    /// The functions of a JSON list of schemas. Entries without a name are passed over: the template says what it
    /// makes of them.
    pub fn new(list: &Value) -> Self {
        let entries = list.as_array().into_iter().flatten();
        Self(entries.filter_map(function).collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a function is among them.
    pub fn contains(&self, function: &str) -> bool {
        self.0.contains_key(function)
    }

    /// The schema of a function's parameter.
    pub(super) fn parameter(&self, function: &str, name: &str) -> Option<&Value> {
        self.0.get(function)?.get(name)
    }

    /// Whether a parameter is a string and nothing else.
    pub(super) fn is_string(&self, function: &str, name: &str) -> bool {
        self.parameter(function, name).and_then(|schema| schema.get("type")?.as_str()) == Some("string")
    }

    /// All types that a parameter may have; a string where the schema says nothing.
    pub(super) fn types(&self, function: &str, name: &str) -> Vec<String> {
        let mut types = Vec::new();
        if let Some(schema) = self.parameter(function, name) {
            collect_types(schema, &mut types);
        }
        if types.is_empty() { vec!["string".into()] } else { types }
    }
}

/// The name of a function and its parameters.
fn function(entry: &Value) -> Option<(String, Map<String, Value>)> {
    let function = entry.get("function").unwrap_or(entry);
    let properties =
        function.get("parameters").and_then(|parameters| parameters.get("properties")?.as_object());
    Some((function.get("name")?.as_str()?.to_owned(), properties.cloned().unwrap_or_default()))
}

fn collect_types(schema: &Value, types: &mut Vec<String>) {
    let Some(schema) = schema.as_object() else { return types.push("string".into()) };
    let before = types.len();
    match schema.get("type") {
        Some(Value::String(name)) => types.push(name.to_lowercase()),
        Some(Value::Array(names)) => {
            types.extend(names.iter().filter_map(Value::as_str).map(str::to_lowercase))
        }
        _ => {}
    }
    let values = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    types.extend(values.map(|value| type_of(value).to_owned()));
    for choices in ["anyOf", "oneOf", "allOf"].iter().filter_map(|key| schema.get(*key)?.as_array()) {
        choices.iter().for_each(|choice| collect_types(choice, types));
    }
    if types.len() == before {
        types.push("string".into());
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
