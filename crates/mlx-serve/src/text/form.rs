//! The form that an answer must have.

use mlx_lm::sampling::Grammar;
use mlx_lm::{LanguageModel, Result};
use serde_json::{Value, json};

/// The form that an answer must have.
#[derive(Clone, Debug, Default)]
pub(crate) enum Form {
    /// Any.
    #[default]
    Free,
    /// Any JSON object.
    JsonObject,
    /// JSON of a schema.
    JsonSchema(Value),
    /// A text that an expression matches.
    Regex(String),
    /// A text of a grammar in Lark's notation.
    Lark(String),
    /// One of these texts.
    Choice(Vec<String>),
}

impl Form {
    /// A call of one of these functions, as JSON: those of OpenAI's list of tools, or only the one of that name.
    pub(crate) fn call(tools: &Value, only: Option<&str>) -> Option<Self> {
        let functions = tools.as_array()?.iter().filter_map(|tool| tool.get("function"));
        let named = functions.filter_map(|function| Some((function.get("name")?.as_str()?, function)));
        let calls: Vec<_> = named
            .filter(|(name, _)| only.is_none_or(|only| only == *name))
            .map(|(name, function)| {
                let parameters = closed(function.get("parameters"));
                json!({
                    "type": "object",
                    "properties": {"name": {"const": name}, "parameters": parameters},
                    "required": ["name", "parameters"],
                    "additionalProperties": false,
                })
            })
            .collect();
        match calls.as_slice() {
            [] => None,
            [one] => Some(Self::JsonSchema(one.clone())),
            several => Some(Self::JsonSchema(json!({"anyOf": several}))),
        }
    }

    /// What holds the model to it.
    pub(super) fn grammar(&self, model: &LanguageModel) -> Result<Option<Grammar>> {
        let grammar = match self {
            Self::Free => return Ok(None),
            Self::JsonObject => model.grammars()?.json_object()?,
            Self::JsonSchema(schema) => model.grammars()?.json_schema(schema)?,
            Self::Regex(pattern) => model.grammars()?.regex(pattern)?,
            Self::Lark(grammar) => model.grammars()?.lark(grammar)?,
            Self::Choice(texts) => model.grammars()?.choice(texts)?,
        };
        Ok(Some(grammar))
    }
}

/// The schema of a function's arguments, of which a model is not to make up others.
fn closed(parameters: Option<&Value>) -> Value {
    let mut schema = parameters.cloned().unwrap_or_else(|| json!({"type": "object"}));
    close(&mut schema);
    schema
}

/// Forbids objects to have others than their properties, down to the last. Parts of `allOf` stay open for each other.
fn close(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    for map in ["properties", "$defs", "definitions"] {
        let parts = fields.get_mut(map).and_then(Value::as_object_mut);
        parts.into_iter().flat_map(|parts| parts.values_mut()).for_each(close);
    }
    for list in ["anyOf", "oneOf", "prefixItems"] {
        let parts = fields.get_mut(list).and_then(Value::as_array_mut);
        parts.into_iter().flatten().for_each(close);
    }
    fields.get_mut("items").into_iter().for_each(close);
    if fields.contains_key("properties") && !fields.contains_key("allOf") {
        fields.entry("additionalProperties").or_insert(false.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_within_arguments_have_no_others_than_their_properties() {
        let open =
            |inner: Value| json!({"type": "object", "properties": {"a": {"type": "array", "items": inner}}});
        let inner = json!({"properties": {"properties": {"enum": [{"properties": 1}]}}});
        let shut = closed(Some(&open(inner)));
        assert_eq!(shut.pointer("/additionalProperties"), Some(&false.into()));
        assert_eq!(shut.pointer("/properties/a/items/additionalProperties"), Some(&false.into()));
        let within = json!({"enum": [{"properties": 1}]});
        assert_eq!(shut.pointer("/properties/a/items/properties"), Some(&json!({"properties": within})));
        let kept = json!({"properties": {}, "additionalProperties": {"type": "string"}});
        assert_eq!(closed(Some(&kept)), kept);
        let parts = json!({"allOf": [{"properties": {"a": true}}], "properties": {"b": true}});
        assert_eq!(closed(Some(&parts)), parts);
    }
}
