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
    if let Some(fields) = schema.as_object_mut().filter(|fields| fields.contains_key("properties")) {
        fields.entry("additionalProperties").or_insert(false.into());
    }
    schema
}
