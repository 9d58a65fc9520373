//! What a chat asks for.

use mlx_text::Message;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::fields::{Fields, OneOrMany, SamplingFields, effort};
use super::super::media::Album;
use super::super::tools::{self, Places};
use super::super::usage::MOST_LOGPROBS;
use crate::fault::Fault;
use crate::text::{Ask, Conversation, Form, Reply, Write};

/// The most answers to one request.
const MOST_CHOICES: usize = 128;

/// What OpenAI has and is not done here.
const REFUSED: &[&str] = &["audio", "functions", "function_call", "web_search_options", "prediction"];

/// Where `tool_choice` has its parts.
const PLACES: Places = Places { name: "/function/name", allowed: "/allowed_tools" };

#[derive(Deserialize)]
struct ChatFields {
    model: Option<String>,
    messages: Vec<Message>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
    n: Option<usize>,
    stop: Option<OneOrMany<String>>,
    logprobs: Option<bool>,
    top_logprobs: Option<usize>,
    tools: Option<Value>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    response_format: Option<ResponseFormat>,
    /// Further variables of the chat template.
    chat_template_kwargs: Option<Map<String, Value>>,
    reasoning_effort: Option<String>,
    /// The last message is the beginning of the answer.
    continue_final_message: Option<bool>,
    /// Forms by vLLM's names.
    guided_regex: Option<String>,
    guided_choice: Option<Vec<String>>,
    guided_grammar: Option<String>,
    guided_json: Option<Value>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat {
    Text,
    JsonObject,
    JsonSchema { json_schema: NamedSchema },
}

#[derive(Deserialize)]
struct NamedSchema {
    schema: Value,
}

/// The model that is asked, and what of it.
pub(super) async fn read(
    fields: &Fields,
    album: &mut Album<'_>,
    reply: Reply,
) -> Result<(Option<String>, Write), Fault> {
    fields.refuse(REFUSED)?;
    let chat: ChatFields = fields.read()?;
    let sampling: SamplingFields = fields.read()?;
    if chat.messages.is_empty() {
        return Err(Fault::field("messages", "there are no messages: give one at least"));
    }
    let (model, form) = (chat.model.clone(), chat.form()?);
    let write = Write {
        sampling: sampling.into(),
        max_tokens: chat.max_completion_tokens.or(chat.max_tokens),
        stop: chat.stop.clone().map(OneOrMany::into_vec).unwrap_or_default(),
        logprobs: chat.logprobs()?,
        choices: choices(chat.n)?,
        form,
        reply,
        ask: Ask::Conversation(Box::new(chat.conversation(album).await?)),
    };
    Ok((model, write))
}

/// How many answers are wanted.
pub(in super::super) fn choices(n: Option<usize>) -> Result<usize, Fault> {
    match n.unwrap_or(1) {
        n @ 1..=MOST_CHOICES => Ok(n),
        n => Err(Fault::field("n", format!("n is {n}: it must be between 1 and {MOST_CHOICES}"))),
    }
}

impl ChatFields {
    fn logprobs(&self) -> Result<Option<usize>, Fault> {
        let top = self.top_logprobs.unwrap_or(0);
        if top > MOST_LOGPROBS {
            let message = format!("top_logprobs is {top}: it must be at most {MOST_LOGPROBS}");
            return Err(Fault::field("top_logprobs", message));
        }
        if self.top_logprobs.is_some() && self.logprobs != Some(true) {
            return Err(Fault::field("top_logprobs", "top_logprobs needs logprobs to be true"));
        }
        Ok((self.logprobs == Some(true)).then_some(top))
    }

    fn form(&self) -> Result<Form, Fault> {
        let guided = [
            self.guided_regex.clone().map(Form::Regex),
            self.guided_choice.clone().map(Form::Choice),
            self.guided_grammar.clone().map(Form::Lark),
            self.guided_json.clone().map(Form::JsonSchema),
            self.response_format.as_ref().and_then(ResponseFormat::form),
        ];
        let mut forms = guided.into_iter().flatten();
        match (forms.next(), forms.next()) {
            (_, Some(_)) => {
                Err(Fault::field("response_format", "an answer can have one form: give only one"))
            }
            (form, None) => Ok(form.unwrap_or_default()),
        }
    }

    async fn conversation(self, album: &mut Album<'_>) -> Result<Conversation, Fault> {
        let mut variables = self.chat_template_kwargs.unwrap_or_default();
        variables.extend(effort(self.reasoning_effort));
        let tools = self.tools.filter(|tools| tools.as_array().is_none_or(|tools| !tools.is_empty()));
        if tools.as_ref().is_some_and(|tools| !are_tools(tools)) {
            let message = "tools is no list of {\"type\": \"function\", \"function\": {\"name\": ...}}";
            return Err(Fault::field("tools", message));
        }
        let (tools, calls) = tools::choose(self.tool_choice.as_ref(), tools, &PLACES)?;
        let one_call = self.parallel_tool_calls == Some(false);
        let turns = album.turns(self.messages).await?;
        let goes_on = self.continue_final_message == Some(true);
        Ok(Conversation { turns, tools, calls, one_call, variables, goes_on, ..Conversation::default() })
    }
}

impl ResponseFormat {
    fn form(&self) -> Option<Form> {
        match self {
            Self::Text => None,
            Self::JsonObject => Some(Form::JsonObject),
            Self::JsonSchema { json_schema } => Some(Form::JsonSchema(json_schema.schema.clone())),
        }
    }
}

fn are_tools(tools: &Value) -> bool {
    let named = |tool: &Value| tool.pointer("/function/name").is_some_and(Value::is_string);
    tools.as_array().is_some_and(|tools| tools.iter().all(named))
}
