//! What a response is asked for.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::fields::{Fields, SamplingFields, effort};
use super::super::media;
use super::super::media::{Album, Shown};
use super::super::tools::{self, Places};
use super::super::transcript::Transcript;
use super::super::usage::MOST_LOGPROBS;
use super::{Store, items};
use crate::fault::Fault;
use crate::text::{Ask, Conversation, Form, Reply, Write};

/// What OpenAI has and is not done here.
const REFUSED: &[&str] = &["conversation", "prompt", "max_tool_calls"];
/// What is to be told beside an answer.
const LOGPROBS: &str = "message.output_text.logprobs";

/// Where `tool_choice` has its parts.
const PLACES: Places = Places { name: "/name", allowed: "" };

#[derive(Deserialize)]
struct ResponseFields {
    model: Option<String>,
    input: Input,
    instructions: Option<String>,
    tools: Option<Vec<Tool>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    text: Option<TextOptions>,
    reasoning: Option<Reasoning>,
    max_output_tokens: Option<usize>,
    include: Option<Vec<String>>,
    top_logprobs: Option<usize>,
    previous_response_id: Option<String>,
    store: Option<bool>,
    background: Option<bool>,
    truncation: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Items(Vec<Value>),
}

#[derive(Deserialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    description: Option<String>,
    parameters: Option<Value>,
}

#[derive(Deserialize)]
struct TextOptions {
    format: Option<Format>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format {
    Text,
    JsonObject,
    JsonSchema { schema: Value },
}

#[derive(Deserialize)]
struct Reasoning {
    effort: Option<String>,
}

/// What is asked.
pub(super) struct Asked {
    pub(super) model: Option<String>,
    pub(super) write: Write,
    /// What the response says of its request.
    pub(super) echo: Map<String, Value>,
    /// All items of the conversation.
    pub(super) items: Vec<Value>,
    /// Whether the answer is to be remembered.
    pub(super) keep: bool,
}

/// The model that is asked, and what of it.
pub(super) async fn read(
    fields: &Fields,
    album: &mut Album<'_>,
    store: &Store,
    reply: Reply,
) -> Result<Asked, Fault> {
    fields.refuse(REFUSED)?;
    let mut asked: ResponseFields = fields.read()?;
    let sampling: SamplingFields = fields.read()?;
    if asked.background == Some(true) {
        return Err(Fault::field("background", "background is not supported: leave it out"));
    }
    if asked.truncation.as_deref().is_some_and(|truncation| truncation != "disabled") {
        let message = "truncation is not supported: leave it out, and shorten the input where it is too long";
        return Err(Fault::field("truncation", message));
    }
    let items = asked.items(store)?;
    let conversation = Conversation { turns: asked.turns(&items, album).await?, ..asked.conversation()? };
    let write = Write {
        sampling: sampling.into(),
        max_tokens: asked.max_output_tokens,
        stop: Vec::new(),
        logprobs: asked.logprobs()?,
        choices: 1,
        form: asked.text.and_then(|text| text.format).map_or(Form::Free, Form::from),
        reply,
        ask: Ask::Conversation(Box::new(conversation)),
    };
    Ok(Asked { model: asked.model, write, echo: echo(fields), items, keep: asked.store != Some(false) })
}

impl ResponseFields {
    /// What was said before and what is said now.
    fn items(&mut self, store: &Store) -> Result<Vec<Value>, Fault> {
        let mut items = match &self.previous_response_id {
            None => Vec::new(),
            Some(id) => {
                let unknown = || {
                    let message = format!("the response {id} is not remembered: send its items as input");
                    Fault::field("previous_response_id", message).code("previous_response_not_found")
                };
                store.get(id).ok_or_else(unknown)?.items.clone()
            }
        };
        match std::mem::replace(&mut self.input, Input::Items(Vec::new())) {
            Input::Text(text) => items.push(items::said(&text)),
            Input::Items(new) => items.extend(new),
        }
        if items.is_empty() {
            return Err(Fault::field("input", "the input is empty: give a text, or one item at least"));
        }
        Ok(items)
    }

    async fn turns(&self, items: &[Value], album: &mut Album<'_>) -> Result<Vec<media::Turn>, Fault> {
        let mut transcript = Transcript::default();
        if let Some(text) = &self.instructions {
            transcript.say("system", Shown::Text(text.clone()));
        }
        for item in items {
            items::read(item, album, &mut transcript).await?;
        }
        // An answer is another one, not the rest of the last.
        Ok(transcript.finish().0)
    }

    fn conversation(&mut self) -> Result<Conversation, Fault> {
        let given = self.tools.take().filter(|tools| !tools.is_empty());
        let tools = given.map(|tools| tools.into_iter().map(Tool::function).collect()).transpose()?;
        let (tools, calls) = tools::choose(self.tool_choice.as_ref(), tools, &PLACES)?;
        let one_call = self.parallel_tool_calls == Some(false);
        let variables = effort(self.reasoning.take().and_then(|reasoning| reasoning.effort));
        Ok(Conversation { tools, calls, one_call, variables, ..Conversation::default() })
    }

    fn logprobs(&self) -> Result<Option<usize>, Fault> {
        let top = self.top_logprobs.unwrap_or(0);
        if top > MOST_LOGPROBS {
            let message = format!("top_logprobs is {top}: it must be at most {MOST_LOGPROBS}");
            return Err(Fault::field("top_logprobs", message));
        }
        let included = self.include.iter().flatten().any(|one| one == LOGPROBS);
        Ok((included || top > 0).then_some(top))
    }
}

impl Tool {
    fn function(self) -> Result<Value, Fault> {
        let Some(name) = self.name.filter(|_| self.kind == "function") else {
            let message = format!("tools of the type {} are OpenAI's: give functions with a name", self.kind);
            return Err(Fault::field("tools", message));
        };
        Ok(tools::function(&name, self.description.as_deref(), self.parameters))
    }
}

impl From<Format> for Form {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Free,
            Format::JsonObject => Self::JsonObject,
            Format::JsonSchema { schema } => Self::JsonSchema(schema),
        }
    }
}

/// What a response says of its request: what was given, and what stands where nothing was.
fn echo(fields: &Fields) -> Map<String, Value> {
    let defaults = json!({
        "background": false,
        "instructions": null,
        "max_output_tokens": null,
        "metadata": {},
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null},
        "store": true,
        "temperature": null,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": null,
        "truncation": "disabled",
        "user": null,
    });
    let Value::Object(mut echo) = defaults else { return Map::new() };
    for (name, value) in &mut echo {
        if let Some(given) = fields.value(name) {
            value.clone_from(given);
        }
    }
    echo
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Calls;

    fn asked_of(store: &Store, fields: Value) -> Result<Asked, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (reply, _) = tokio::sync::mpsc::unbounded_channel();
        let mut album = Album::local();
        let read = runtime.block_on(read(&Fields::from(fields), &mut album, store, reply));
        read.map_err(|fault| fault.message)
    }

    fn asked(fields: Value) -> Result<Asked, String> {
        asked_of(&Store::default(), fields)
    }

    fn talk(asked: &Asked) -> &Conversation {
        match &asked.write.ask {
            Ask::Conversation(conversation) => conversation,
            _ => panic!("no conversation"),
        }
    }

    fn messages(asked: &Asked) -> Value {
        talk(asked).turns.iter().map(|(message, _)| serde_json::to_value(message).unwrap()).collect()
    }

    #[test]
    fn a_text_is_what_the_user_says() {
        let asked = asked(json!({"input": "Hi", "instructions": "Be short."})).unwrap();
        let expected = json!([{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}]);
        assert_eq!(messages(&asked), expected);
        assert!(asked.keep && !talk(&asked).goes_on);
    }

    #[test]
    fn items_are_messages() {
        let asked = asked(json!({"input": [
            {"role": "developer", "content": "Be short."},
            {"role": "user", "content": [{"type": "input_text", "text": "When?"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
            {"type": "function_call", "call_id": "c1", "name": "now", "arguments": "{\"zone\": \"UTC\"}"},
            {"type": "function_call_output", "call_id": "c1", "output": "noon"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Noon."}]},
        ]}))
        .unwrap();
        let function = json!({"name": "now", "arguments": {"zone": "UTC"}});
        let expected = json!([
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "When?"},
            {
                "role": "assistant",
                "content": "",
                "reasoning_content": "hm",
                "thinking": "hm",
                "tool_calls": [{"type": "function", "function": function, "id": "c1"}],
            },
            {"role": "tool", "content": "noon", "tool_call_id": "c1", "name": "now"},
            {"role": "assistant", "content": "Noon."},
        ]);
        assert_eq!(messages(&asked), expected);
        assert!(!talk(&asked).goes_on);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let refused = |fields, name: &str| {
            let message = asked(fields).err().unwrap();
            assert!(message.contains(name), "{message}");
        };
        refused(json!({}), "input");
        refused(json!({"input": []}), "input");
        refused(json!({"input": "Hi", "background": true}), "background");
        refused(json!({"input": "Hi", "truncation": "auto"}), "truncation");
        refused(json!({"input": "Hi", "conversation": "conv_1"}), "conversation");
        refused(json!({"input": "Hi", "previous_response_id": "resp_1"}), "resp_1");
        refused(json!({"input": "Hi", "tool_choice": "required"}), "tool_choice");
        refused(json!({"input": "Hi", "tools": [{"type": "web_search"}]}), "web_search");
        refused(json!({"input": [{"type": "item_reference", "id": "msg_1"}]}), "item_reference");
        refused(json!({"input": [{"type": "function_call_output", "call_id": "c1", "output": ""}]}), "c1");
        let call = json!({"type": "function_call", "call_id": "c1", "name": "now", "arguments": "["});
        refused(json!({"input": [call]}), "c1");
        refused(json!({"input": "Hi", "top_logprobs": 21}), "top_logprobs");
    }

    #[test]
    fn an_earlier_response_comes_before() {
        let store = Store::default();
        let answer = json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Ho"}]});
        store.put(&json!({"id": "resp_1"}), &[items::said("Hi")], &[answer]);
        let asked = asked_of(&store, json!({"input": "Again", "previous_response_id": "resp_1"})).unwrap();
        let expected = json!([
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Ho"},
            {"role": "user", "content": "Again"},
        ]);
        assert_eq!(messages(&asked), expected);
        assert_eq!(asked.items.len(), 3);
        assert_eq!(asked.echo["previous_response_id"], "resp_1");
    }

    #[test]
    fn tools_are_functions() {
        let tools =
            json!([{"type": "function", "name": "now", "parameters": {"type": "object"}, "strict": true}]);
        let choice = json!({"type": "function", "name": "now"});
        let asked = asked(json!({"input": "Hi", "tools": tools, "tool_choice": choice})).unwrap();
        let function = json!({"name": "now", "parameters": {"type": "object"}});
        assert_eq!(talk(&asked).tools, Some(json!([{"type": "function", "function": function}])));
        assert_eq!(talk(&asked).calls, Calls::Named("now".into()));
        assert_eq!((&asked.echo["tools"], &asked.echo["tool_choice"]), (&tools, &choice));
    }

    #[test]
    fn allowed_tools_are_a_part_of_the_tools() {
        let tools = json!([{"type": "function", "name": "now"}, {"type": "function", "name": "here"}]);
        let allowed = json!([{"type": "function", "name": "here"}]);
        let choice = json!({"type": "allowed_tools", "mode": "required", "tools": allowed});
        let asked = asked(json!({
            "input": "Hi",
            "tools": tools,
            "tool_choice": choice,
            "parallel_tool_calls": false,
            "truncation": "disabled",
        }))
        .unwrap();
        let talk = talk(&asked);
        assert_eq!(talk.tools.as_ref().unwrap().as_array().unwrap().len(), 1);
        assert_eq!(talk.tools.as_ref().unwrap()[0]["function"]["name"], "here");
        assert_eq!(talk.calls, Calls::Required);
        assert!(talk.one_call);
        assert_eq!(asked.echo["parallel_tool_calls"], false);
    }

    #[test]
    fn fields_of_writing_are_taken() {
        let schema = json!({"type": "object"});
        let asked = asked(json!({
            "input": "Hi",
            "max_output_tokens": 7,
            "temperature": 0.5,
            "store": false,
            "reasoning": {"effort": "none"},
            "include": [LOGPROBS],
            "text": {"format": {"type": "json_schema", "name": "a", "schema": schema}},
        }))
        .unwrap();
        assert!(matches!(&asked.write.form, Form::JsonSchema(given) if *given == schema));
        assert_eq!((asked.write.max_tokens, asked.write.logprobs), (Some(7), Some(0)));
        assert_eq!(asked.write.sampling.temperature, Some(0.5));
        assert_eq!(talk(&asked).variables["enable_thinking"], false);
        assert!(!asked.keep);
        assert_eq!((&asked.echo["store"], &asked.echo["temperature"]), (&json!(false), &json!(0.5)));
    }
}
