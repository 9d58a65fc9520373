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

/// Where OpenAI's interfaces have what `tool_choice` says.
pub(super) struct Places {
    /// The name of a function.
    pub(super) name: &'static str,
    /// The mode and the functions of `allowed_tools`.
    pub(super) allowed: &'static str,
}

/// The functions that a model is told of, and which of them it calls.
pub(super) fn choose(
    choice: Option<&Value>,
    tools: Option<Value>,
    places: &Places,
) -> Result<(Option<Value>, Calls), Fault> {
    let allowed = choice.filter(|choice| choice.get("type").is_some_and(|kind| kind == "allowed_tools"));
    let (tools, calls) = match allowed {
        Some(choice) => {
            let allowed = choice.pointer(places.allowed).unwrap_or(&Value::Null);
            (Some(only(tools, allowed, places)?), calls(allowed.get("mode"), places)?)
        }
        None => (tools, calls(choice, places)?),
    };
    check(&calls, tools.as_ref())?;
    Ok((tools, calls))
}

/// Whether there are the functions that must be called.
pub(super) fn check(calls: &Calls, tools: Option<&Value>) -> Result<(), Fault> {
    if tools.is_none() && matches!(calls, Calls::Required | Calls::Named(_)) {
        return Err(Fault::field("tool_choice", "tool_choice needs tools"));
    }
    Ok(())
}

fn calls(choice: Option<&Value>, places: &Places) -> Result<Calls, Fault> {
    let Some(choice) = choice else { return Ok(Calls::default()) };
    let named = choice.pointer(places.name).and_then(Value::as_str);
    match (choice.as_str(), named) {
        (Some("auto"), _) => Ok(Calls::Auto),
        (Some("none"), _) => Ok(Calls::None),
        (Some("required"), _) => Ok(Calls::Required),
        (_, Some(name)) => Ok(Calls::Named(name.to_owned())),
        _ => {
            let message = "tool_choice is none of auto, none, required, a function and allowed_tools";
            Err(Fault::field("tool_choice", message))
        }
    }
}

/// Those of the functions that are allowed.
fn only(tools: Option<Value>, allowed: &Value, places: &Places) -> Result<Value, Fault> {
    let wrong = |message: String| Fault::field("tool_choice", message);
    let Some(names) = allowed.get("tools").and_then(Value::as_array).filter(|names| !names.is_empty()) else {
        return Err(wrong("allowed_tools names no tools".into()));
    };
    let of = |name: &str| {
        let tools = tools.as_ref().and_then(Value::as_array).into_iter().flatten();
        tools.clone().find(|tool| tool.pointer("/function/name").is_some_and(|given| given == name)).cloned()
    };
    let picked = names.iter().map(|named| {
        let name = named.pointer(places.name).and_then(Value::as_str).unwrap_or_default();
        of(name).ok_or_else(|| wrong(format!("there is no function {name:?} among the tools")))
    });
    picked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: Places = Places { name: "/function/name", allowed: "/allowed_tools" };

    fn chosen(choice: Value) -> Result<(Vec<String>, Calls), String> {
        let tools = json!([function("now", None, None), function("here", None, None)]);
        let (tools, calls) = choose(Some(&choice), Some(tools), &PLACES).map_err(|fault| fault.message)?;
        let name = |tool: &Value| tool["function"]["name"].as_str().unwrap().to_owned();
        Ok((tools.unwrap().as_array().unwrap().iter().map(name).collect(), calls))
    }

    fn allowed(mode: &str, names: &[&str]) -> Value {
        let tools: Vec<_> =
            names.iter().map(|name| json!({"type": "function", "function": {"name": name}})).collect();
        json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}})
    }

    #[test]
    fn a_model_is_told_of_the_functions_that_are_allowed() {
        assert_eq!(chosen(json!("auto")).unwrap(), (vec!["now".into(), "here".into()], Calls::Auto));
        assert_eq!(chosen(allowed("auto", &["here"])).unwrap(), (vec!["here".into()], Calls::Auto));
        assert_eq!(chosen(allowed("required", &["now"])).unwrap(), (vec!["now".into()], Calls::Required));
    }

    #[test]
    fn what_cannot_be_chosen_is_named() {
        assert!(chosen(allowed("auto", &["there"])).unwrap_err().contains("there"));
        assert!(chosen(allowed("auto", &[])).unwrap_err().contains("names no tools"));
        assert!(chosen(allowed("often", &["now"])).unwrap_err().contains("tool_choice"));
        assert!(chosen(json!({"type": "function"})).unwrap_err().contains("tool_choice"));
        let required = choose(Some(&json!("required")), None, &PLACES);
        assert!(required.unwrap_err().message.contains("tools"));
    }
}
