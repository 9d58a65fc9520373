//! From what is asked to what a model runs.

use mlx_lm::GenerateOptions;
use mlx_lm::sampling::{Processor, ThinkingBudget};
use mlx_memory::Bytes;
use mlx_text::{ChatOptions, Message, ResponseFormat, ResponseParser, ToolFormat, Tools};
use mlx_vlm::Prompt;
use serde_json::{Value, json};

use super::form::Form;
use super::job::{Ask, Calls, Conversation, Reply, Write};
use super::model::TextModel;
use crate::fault::Fault;
use crate::options::{Limits, ModelOptions};

/// A request that can be run.
pub(super) struct Ready {
    pub(super) prompt: Reads,
    /// Those of each answer.
    pub(super) options: Vec<GenerateOptions>,
    pub(super) parser: ResponseParser,
    /// Whether the parts of answers are marked, which the parser has to see.
    pub(super) marked: bool,
    /// Whether an answer ends with its first call.
    pub(super) one_call: bool,
    /// The memory that it takes.
    pub(super) cost: Bytes,
    pub(super) reply: Reply,
}

/// What a model reads.
pub(super) enum Reads {
    Text(Vec<u32>),
    /// Text with images, and what tells these apart.
    Shown(Box<Prompt>, Vec<u64>),
}

impl Reads {
    pub(super) fn tokens(&self) -> &[u32] {
        match self {
            Self::Text(tokens) => tokens,
            Self::Shown(prompt, _) => prompt.tokens(),
        }
    }

    /// What tells apart tokens that are alike and stand for different images: 0 for text, and where there are no more.
    pub(super) fn marks(&self) -> &[u64] {
        match self {
            Self::Text(_) => &[],
            Self::Shown(_, marks) => marks,
        }
    }
}

/// What all requests of a model have in common.
#[derive(Clone, Copy)]
pub(super) struct House<'m> {
    pub(super) model: &'m TextModel,
    pub(super) options: &'m ModelOptions,
    pub(super) limits: &'m Limits,
    pub(super) processors: &'m [Processor],
}

/// What is read, and how the answer to it is taken apart.
struct Reading {
    prompt: Reads,
    parser: ResponseParser,
    marked: bool,
    one_call: bool,
    form: Form,
    /// The end of the reasoning that the prompt has begun.
    reasoning: Option<String>,
    budget: Option<ThinkingBudget>,
}

impl House<'_> {
    /// Turns a request into what can be run.
    pub(super) fn ready(&self, write: Write) -> Result<Ready, Box<(Fault, Reply)>> {
        let reply = write.reply.clone();
        self.checked(write).map_err(|fault| Box::new((fault, reply)))
    }

    fn checked(&self, write: Write) -> Result<Ready, Fault> {
        let reading = self.read(&write.ask, &write.form)?;
        let language = self.model.language();
        let length = reading.prompt.tokens().len();
        let max_tokens = self.room(length, write.max_tokens)?;
        let mut grammar = reading.form.grammar(language)?;
        if let Some(end) = &reading.reasoning {
            grammar = grammar
                .map(|grammar| Ok::<_, Fault>(grammar.after(language.tokenizer().encode(end, false)?)))
                .transpose()?;
        }
        if let Some(budget) = reading.budget {
            grammar = Some(budget.grammar(grammar));
        }
        let defaults = &self.model.defaults;
        let options = (0..write.choices as u64).map(|choice| {
            Ok(GenerateOptions {
                max_tokens,
                sampler: write.sampling.sampler(defaults, language, choice)?,
                processors: write.sampling.processors(defaults, self.processors),
                grammar: grammar.clone(),
                logprobs: write.logprobs,
                stop: write.stop.clone(),
                prefill_step: self.limits.prefill_step,
                cache: self.options.cache.clone(),
                ..GenerateOptions::default()
            })
        });
        Ok(Ready {
            options: options.collect::<mlx_lm::Result<_>>()?,
            cost: self.model.cost(length + max_tokens) * write.choices as u64,
            prompt: reading.prompt,
            parser: reading.parser,
            marked: reading.marked,
            one_call: reading.one_call,
            reply: write.reply,
        })
    }

    /// How many tokens an answer may have.
    fn room(&self, prompt: usize, wanted: Option<usize>) -> Result<usize, Fault> {
        let wanted = wanted.unwrap_or(self.limits.default_max_tokens).min(self.limits.max_tokens);
        let Some(context) = self.model.language().model().context() else { return Ok(wanted) };
        if prompt >= context {
            let message = format!(
                "the prompt has {prompt} tokens, and the model reads {context}, of which the answer takes some: shorten it"
            );
            return Err(Fault::invalid(message).code("context_length_exceeded"));
        }
        Ok(wanted.min(context - prompt))
    }

    /// The tokens of what is asked.
    pub(super) fn tokens(&self, ask: &Ask) -> Result<Vec<u32>, Fault> {
        Ok(self.read(ask, &Form::Free)?.prompt.tokens().to_vec())
    }

    fn read(&self, ask: &Ask, form: &Form) -> Result<Reading, Fault> {
        let tokens = match ask {
            Ask::Conversation(conversation) => return self.converse(conversation, form),
            Ask::Text(text) if text.is_empty() => return Err(Fault::field("prompt", "the prompt is empty")),
            Ask::Text(text) => self.model.language().encode(text)?,
            Ask::Tokens(tokens) => tokens.clone(),
        };
        let plain = ResponseFormat::default();
        Ok(Reading {
            prompt: Reads::Text(tokens),
            parser: plain.parser("", Tools::default()),
            marked: false,
            one_call: false,
            form: form.clone(),
            reasoning: None,
            budget: None,
        })
    }

    fn converse(&self, conversation: &Conversation, form: &Form) -> Result<Reading, Fault> {
        let media: Vec<_> = conversation.turns.iter().flat_map(|(_, media)| media).collect();
        let sight = self.model.sight().filter(|_| !media.is_empty());
        if sight.is_none() && !media.is_empty() {
            return Err(Fault::field("messages", "the model sees no images: name one that does"));
        }
        let (format, form) = self.calls(conversation, form)?;
        let text = self.render(conversation, &format, &form)?;
        let prompt = match sight {
            Some(model) => {
                let prompt = model
                    .prompt(&text, media)
                    .map_err(|error| Fault::field("messages", error.to_string()))?;
                let marks = model.marks(&prompt);
                Reads::Shown(Box::new(prompt), marks)
            }
            None => Reads::Text(self.model.language().tokenizer().encode(&text, false)?),
        };
        let tools = conversation.tools.as_ref().filter(|_| conversation.calls != Calls::None);
        let end = format.reasoning().filter(|_| format.opens_reasoning(&text)).map(|marks| marks.end.clone());
        Ok(Reading {
            prompt,
            parser: format.parser(&text, tools.map(Tools::new).unwrap_or_default()),
            marked: format != ResponseFormat::default(),
            one_call: conversation.one_call,
            form,
            reasoning: end,
            budget: self.budget(conversation, &format, &text)?,
        })
    }

    /// What ends the reasoning of an answer in time.
    fn budget(
        &self,
        conversation: &Conversation,
        format: &ResponseFormat,
        text: &str,
    ) -> Result<Option<ThinkingBudget>, Fault> {
        let Some((tokens, marks)) = conversation.thinking_budget.zip(format.reasoning()) else {
            return Ok(None);
        };
        let encode = |mark: &str| self.model.language().tokenizer().encode(mark, false);
        let (start, end) = (encode(&marks.start)?, encode(&marks.end)?);
        Ok(Some(ThinkingBudget { tokens, start, end, open: format.opens_reasoning(text) }))
    }

    /// How the model calls functions, and the form of an answer that must be a call.
    fn calls(&self, conversation: &Conversation, form: &Form) -> Result<(ResponseFormat, Form), Fault> {
        let format = &self.model.format;
        let bare = || ResponseFormat::new(format.reasoning().cloned(), Some(ToolFormat::Llama3));
        let Some(tools) = conversation.tools.as_ref().filter(|_| conversation.calls != Calls::None) else {
            return Ok((ResponseFormat::new(format.reasoning().cloned(), None), form.clone()));
        };
        let only = match &conversation.calls {
            Calls::Auto | Calls::None if format.tools().is_some() => {
                return Ok((format.clone(), form.clone()));
            }
            Calls::Auto | Calls::None => return Ok((bare(), form.clone())),
            Calls::Required => None,
            Calls::Named(name) => Some(name.as_str()),
        };
        let unknown = || match only {
            Some(name) => Fault::field("tool_choice", format!("there is no function {name} among the tools")),
            None => Fault::field("tools", "a call is required, and there is no function to call"),
        };
        Ok((bare(), Form::call(tools, only).ok_or_else(unknown)?))
    }

    /// The conversation as the checkpoint's template writes it.
    fn render(
        &self,
        conversation: &Conversation,
        format: &ResponseFormat,
        form: &Form,
    ) -> Result<String, Fault> {
        let tokenizer = self.model.language().tokenizer();
        let Some(template) = tokenizer.chat_template() else {
            let message = "the model has no chat template: use /v1/completions";
            return Err(Fault::field("model", message));
        };
        let mut options = ChatOptions { tools: conversation.tools.clone(), ..ChatOptions::default() };
        if conversation.calls == Calls::None {
            options.tools = None;
        }
        let thinks = format.reasoning().is_some() && matches!(form, Form::Free);
        options.variables.insert("enable_thinking".into(), thinks.into());
        options.variables.extend(conversation.variables.clone());
        let mut messages = self.messages(conversation);
        if let Some(tools) = options.tools.as_ref().filter(|_| self.model.format.tools().is_none()) {
            explain(&mut messages, tools);
        }
        let begun = conversation.turns.last().filter(|_| conversation.goes_on);
        if begun.is_some() {
            messages.pop();
        }
        let text = match self.model.sight() {
            Some(model) => model
                .render(messages, &options)
                .map_err(|error| Fault::field("messages", error.to_string()))?,
            None => template.render(&messages, &options)?,
        };
        Ok(text + begun.and_then(|(message, _)| message.text()).unwrap_or_default())
    }

    /// The messages, each with a content.
    fn messages(&self, conversation: &Conversation) -> Vec<Message> {
        let message = |(message, _): &(Message, _)| {
            let mut message = message.clone();
            // Many templates add the content to a text.
            if message.content.as_ref().is_none_or(Value::is_null) {
                let shown = self.model.format.tools().is_some();
                message.content = Some(if shown { String::new() } else { called(&message) }.into());
            }
            message
        };
        conversation.turns.iter().map(message).collect()
    }
}

/// The calls of a message in the form that [`explain`] tells, for templates that show none.
fn called(message: &Message) -> String {
    let calls = message.extra.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    let functions = calls.filter_map(|call| call.get("function"));
    let texts = functions.map(|function| {
        json!({"name": function.get("name"), "parameters": function.get("arguments")}).to_string()
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// Tells a model whose template knows no functions of them.
fn explain(messages: &mut Vec<Message>, tools: &Value) {
    let text = format!(
        "You can call these functions: {tools}\nTo call one, answer with nothing but JSON: {{\"name\": its name, \
         \"parameters\": an object of its arguments}}. Otherwise answer in words."
    );
    match messages.first_mut().filter(|message| message.role == "system") {
        Some(message) => {
            let before = message.text().unwrap_or_default();
            *message = Message::system(format!("{before}\n\n{text}"));
        }
        None => messages.insert(0, Message::system(text)),
    }
}
