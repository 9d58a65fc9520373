//! What a message asks for.

use serde::Deserialize;
use serde_json::Value;

use super::super::fields::{Fields, SamplingFields, effort};
use super::super::media::{Album, Shown};
use super::super::tools;
use super::super::transcript::Transcript;
use super::blocks::{self, Content, Turn};
use crate::fault::Fault;
use crate::text::{Ask, Calls, Conversation, Form, Reply, Write};

/// What Anthropic has and is not done here.
const REFUSED: &[&str] = &["mcp_servers", "container"];

#[derive(Deserialize)]
struct ConversationFields {
    model: Option<String>,
    messages: Vec<Turn>,
    system: Option<Content>,
    tools: Option<Vec<Tool>>,
    tool_choice: Option<ToolChoice>,
    thinking: Option<Thinking>,
    output_config: Option<OutputConfig>,
}

#[derive(Deserialize)]
struct WriteFields {
    max_tokens: usize,
    stop_sequences: Option<Vec<String>>,
    output_config: Option<OutputConfig>,
}

#[derive(Deserialize)]
struct Tool {
    name: Option<String>,
    description: Option<String>,
    input_schema: Option<Value>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ToolChoice {
    Auto(Parallel),
    Any(Parallel),
    Tool {
        name: String,
        #[serde(flatten)]
        parallel: Parallel,
    },
    None,
}

#[derive(Deserialize)]
struct Parallel {
    disable_parallel_tool_use: Option<bool>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Thinking {
    Enabled { budget_tokens: usize },
    Adaptive,
    Disabled,
}

#[derive(Deserialize)]
struct OutputConfig {
    effort: Option<String>,
    format: Option<OutputFormat>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum OutputFormat {
    JsonSchema { schema: Value },
}

/// The model that is asked, and what of it.
pub(super) async fn read(
    fields: &Fields,
    album: &mut Album<'_>,
    reply: Reply,
) -> Result<(Option<String>, Write), Fault> {
    let write: WriteFields = fields.read()?;
    let sampling: SamplingFields = fields.read()?;
    if write.max_tokens == 0 {
        return Err(Fault::field("max_tokens", "max_tokens is 0: it must be at least 1"));
    }
    let (model, conversation) = conversation(fields, album).await?;
    if conversation.thinking_budget.is_some_and(|budget| budget >= write.max_tokens) {
        let message = "thinking.budget_tokens must be less than max_tokens, which it is a part of";
        return Err(Fault::field("thinking.budget_tokens", message));
    }
    let format = write.output_config.and_then(|config| config.format);
    let write = Write {
        sampling: sampling.into(),
        max_tokens: Some(write.max_tokens),
        stop: write.stop_sequences.unwrap_or_default(),
        logprobs: None,
        choices: 1,
        form: format.map_or(Form::Free, |OutputFormat::JsonSchema { schema }| Form::JsonSchema(schema)),
        reply,
        ask: Ask::Conversation(Box::new(conversation)),
    };
    Ok((model, write))
}

/// The model that is asked, and the conversation.
pub(super) async fn conversation(
    fields: &Fields,
    album: &mut Album<'_>,
) -> Result<(Option<String>, Conversation), Fault> {
    fields.refuse(REFUSED)?;
    let asked: ConversationFields = fields.read()?;
    if asked.messages.is_empty() {
        return Err(Fault::field("messages", "there are no messages: give one at least"));
    }
    let mut transcript = Transcript::default();
    if let Some(system) = asked.system {
        transcript.say("system", Shown::Text(system.text("system")?));
    }
    for turn in asked.messages {
        blocks::read(turn, album, &mut transcript).await?;
    }
    let (turns, goes_on) = transcript.finish();
    let tools = asked.tools.filter(|tools| !tools.is_empty());
    let tools = tools.map(|tools| tools.into_iter().map(Tool::function).collect()).transpose()?;
    let one_call = asked.tool_choice.as_ref().is_some_and(ToolChoice::is_one_call);
    let calls = asked.tool_choice.map(Calls::from).unwrap_or_default();
    tools::check(&calls, tools.as_ref())?;
    let mut variables = effort(asked.output_config.and_then(|config| config.effort));
    let (thinks, thinking_budget) = match asked.thinking {
        Some(Thinking::Enabled { budget_tokens }) => (true, Some(budget_tokens)),
        Some(Thinking::Adaptive) => (true, None),
        // Clients that do not ask for thinking take the first block for the answer.
        Some(Thinking::Disabled) | None => (false, None),
    };
    variables.insert("enable_thinking".into(), thinks.into());
    Ok((asked.model, Conversation { turns, tools, calls, one_call, variables, thinking_budget, goes_on }))
}

impl Tool {
    /// As OpenAI's list of tools has it, which is what templates know.
    fn function(self) -> Result<Value, Fault> {
        if let Some(kind) = self.kind.filter(|kind| kind != "custom") {
            let message = format!("tools of the type {kind} are Anthropic's: give ones with an input_schema");
            return Err(Fault::field("tools", message));
        }
        let name = self.name.ok_or_else(|| Fault::field("tools", "a tool has no name"))?;
        let Some(schema) = self.input_schema else {
            return Err(Fault::field("tools", format!("the tool {name} has no input_schema")));
        };
        Ok(tools::function(&name, self.description.as_deref(), Some(schema)))
    }
}

impl ToolChoice {
    /// Whether an answer ends with its first call.
    fn is_one_call(&self) -> bool {
        match self {
            Self::Auto(parallel) | Self::Any(parallel) | Self::Tool { parallel, .. } => {
                parallel.disable_parallel_tool_use == Some(true)
            }
            Self::None => false,
        }
    }
}

impl From<ToolChoice> for Calls {
    fn from(choice: ToolChoice) -> Self {
        match choice {
            ToolChoice::Auto(_) => Self::Auto,
            ToolChoice::Any(_) => Self::Required,
            ToolChoice::Tool { name, .. } => Self::Named(name),
            ToolChoice::None => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(mut fields: Value) -> Result<Write, String> {
        for (name, value) in
            [("max_tokens", json!(10)), ("messages", json!([{"role": "user", "content": "Hi"}]))]
        {
            fields.as_object_mut().unwrap().entry(name).or_insert(value);
        }
        exactly(fields)
    }

    fn exactly(fields: Value) -> Result<Write, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (reply, _) = tokio::sync::mpsc::unbounded_channel();
        let mut album = Album::local();
        let read = runtime.block_on(read(&Fields::from(fields), &mut album, reply));
        read.map(|(_, write)| write).map_err(|fault| fault.message)
    }

    fn talk(write: &Write) -> &Conversation {
        match &write.ask {
            Ask::Conversation(conversation) => conversation,
            _ => panic!("no conversation"),
        }
    }

    fn messages(write: &Write) -> Value {
        talk(write).turns.iter().map(|(message, _)| serde_json::to_value(message).unwrap()).collect()
    }

    #[test]
    fn what_is_needed_is_asked_for() {
        let needs = |fields, name: &str| {
            let message = exactly(fields).err().unwrap();
            assert!(message.contains(name), "{message}");
        };
        needs(json!({"messages": [{"role": "user", "content": "Hi"}]}), "max_tokens");
        needs(json!({"max_tokens": 0, "messages": [{"role": "user", "content": "Hi"}]}), "max_tokens");
        needs(json!({"max_tokens": 1}), "messages");
        needs(json!({"max_tokens": 1, "messages": []}), "messages");
    }

    #[test]
    fn a_system_text_is_the_first_message() {
        for system in [json!("Be short."), json!([{"type": "text", "text": "Be short."}])] {
            let write = asked(json!({"system": system})).unwrap();
            let expected = json!([
                {"role": "system", "content": "Be short."},
                {"role": "user", "content": "Hi"},
            ]);
            assert_eq!(messages(&write), expected);
        }
    }

    #[test]
    fn fields_of_writing_are_taken() {
        let write =
            asked(json!({"stop_sequences": ["a", "b"], "temperature": 0.5, "top_k": 3, "top_p": 0.9}))
                .unwrap();
        assert_eq!(write.stop, ["a", "b"]);
        assert_eq!(write.max_tokens, Some(10));
        let sampling = &write.sampling;
        assert_eq!((sampling.temperature, sampling.top_k, sampling.top_p), (Some(0.5), Some(3), Some(0.9)));
    }

    #[test]
    fn tools_are_functions() {
        let tools = json!([{"name": "now", "description": "The time.", "input_schema": {"type": "object"}}]);
        let write = asked(json!({"tools": tools, "tool_choice": {"type": "tool", "name": "now"}})).unwrap();
        let function = json!({"name": "now", "description": "The time.", "parameters": {"type": "object"}});
        assert_eq!(talk(&write).tools, Some(json!([{"type": "function", "function": function}])));
        assert_eq!(talk(&write).calls, Calls::Named("now".into()));
        let chosen = |kind: &str| {
            let write = asked(json!({"tools": tools, "tool_choice": {"type": kind}})).unwrap();
            talk(&write).calls.clone()
        };
        assert_eq!(
            [chosen("auto"), chosen("any"), chosen("none")],
            [Calls::Auto, Calls::Required, Calls::None]
        );
        let alone = |kind: &str| {
            let choice = json!({"type": kind, "name": "now", "disable_parallel_tool_use": true});
            talk(&asked(json!({"tools": tools, "tool_choice": choice})).unwrap()).one_call
        };
        assert_eq!([alone("auto"), alone("any"), alone("tool")], [true; 3]);
        assert!(!talk(&asked(json!({"tools": tools})).unwrap()).one_call);
        assert!(asked(json!({"tool_choice": {"type": "any"}})).is_err());
        assert!(asked(json!({"tools": [{"type": "bash_20250124", "name": "bash"}]})).is_err());
    }

    #[test]
    fn a_model_thinks_where_that_is_asked_for() {
        let thinking = |fields| {
            let write = asked(fields)?;
            let talk = talk(&write);
            Ok::<_, String>((talk.variables["enable_thinking"].clone(), talk.thinking_budget))
        };
        assert_eq!(thinking(json!({})), Ok((json!(false), None)));
        assert_eq!(thinking(json!({"thinking": {"type": "disabled"}})), Ok((json!(false), None)));
        assert_eq!(thinking(json!({"thinking": {"type": "adaptive"}})), Ok((json!(true), None)));
        let enabled = json!({"thinking": {"type": "enabled", "budget_tokens": 9}});
        assert_eq!(thinking(enabled), Ok((json!(true), Some(9))));
        assert!(thinking(json!({"thinking": {"type": "enabled", "budget_tokens": 10}})).is_err());
    }

    #[test]
    fn a_schema_is_a_form() {
        let schema = json!({"type": "object"});
        let format = json!({"format": {"type": "json_schema", "schema": schema}, "effort": "low"});
        let write = asked(json!({"output_config": format})).unwrap();
        assert!(matches!(&write.form, Form::JsonSchema(given) if *given == schema));
        assert_eq!(talk(&write).variables["reasoning_effort"], "low");
    }

    #[test]
    fn the_beginning_of_an_answer_goes_on() {
        let turns = json!([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hel"}]);
        assert!(talk(&asked(json!({"messages": turns})).unwrap()).goes_on);
        assert!(!talk(&asked(json!({})).unwrap()).goes_on);
    }

    #[test]
    fn calls_and_results_are_messages() {
        let turns = json!([
            {"role": "user", "content": "When?"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": ""},
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "t1", "name": "now", "input": {"zone": "UTC"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "noon"}]},
                {"type": "text", "text": "Well?"},
            ]},
        ]);
        let write = asked(json!({"messages": turns})).unwrap();
        let function = json!({"name": "now", "arguments": {"zone": "UTC"}});
        let expected = json!([
            {"role": "user", "content": "When?"},
            {
                "role": "assistant",
                "content": "Let me see.",
                "reasoning_content": "hm",
                "thinking": "hm",
                "tool_calls": [{"type": "function", "function": function, "id": "t1"}],
            },
            {"role": "tool", "content": "noon", "tool_call_id": "t1", "name": "now"},
            {"role": "user", "content": "Well?"},
        ]);
        assert_eq!(messages(&write), expected);
    }

    #[test]
    fn images_are_shown_where_they_stand() {
        let dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==";
        let image = |data: &str| {
            let source = json!({"type": "base64", "media_type": "image/png", "data": data});
            json!([{"role": "user", "content": [
                {"type": "text", "text": "See:"},
                {"type": "image", "source": source},
            ]}])
        };
        let write = asked(json!({"messages": image(dot)})).unwrap();
        let parts = json!([{"type": "text", "text": "See:"}, {"type": "image"}]);
        assert_eq!(messages(&write), json!([{"role": "user", "content": parts}]));
        assert_eq!(talk(&write).turns[0].1.len(), 1);
        assert!(asked(json!({"messages": image("AAAA")})).is_err());
        let far = json!({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}});
        assert!(asked(json!({"messages": [{"role": "user", "content": [far]}]})).is_err());
    }
}
