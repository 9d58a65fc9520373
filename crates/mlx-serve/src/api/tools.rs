//! Functions that a model may call.

use serde_json::{Map, Value, json};

use crate::fault::Fault;
use crate::text::Calls;

/// A function as OpenAI's chats have it, which is what templates know.
pub(super) fn function(name: &str, description: Option<&str>, parameters: Option<Value>) -> Value {
    let mut function = Map::new();
    function.insert("name".into(), name.into());
    function.extend(description.map(|text| ("description".to_owned(), text.into())));
    let parameters = parameters.unwrap_or_else(|| json!({"type": "object", "properties": {}}));
    function.insert("parameters".into(), parameters);
    json!({"type": "function", "function": function})
}

/// What OpenAI's clients say of the functions to call; the name of one is at `pointer`.
pub(super) fn calls(choice: Option<&Value>, pointer: &str) -> Result<Calls, Fault> {
    let Some(choice) = choice else { return Ok(Calls::default()) };
    let named = choice.pointer(pointer).and_then(Value::as_str);
    match (choice.as_str(), named) {
        (Some("auto"), _) => Ok(Calls::Auto),
        (Some("none"), _) => Ok(Calls::None),
        (Some("required"), _) => Ok(Calls::Required),
        (_, Some(name)) => Ok(Calls::Named(name.to_owned())),
        _ => Err(Fault::field("tool_choice", "tool_choice is none of auto, none, required and a function")),
    }
}

/// Whether there are the functions that must be called.
pub(super) fn check(calls: &Calls, tools: Option<&Value>) -> Result<(), Fault> {
    if tools.is_none() && matches!(calls, Calls::Required | Calls::Named(_)) {
        return Err(Fault::field("tool_choice", "tool_choice needs tools"));
    }
    Ok(())
}
