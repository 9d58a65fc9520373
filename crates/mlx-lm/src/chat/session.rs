//! A conversation with a model.

use std::time::{Duration, Instant};

use mlx_memory::Peak;
use mlx_text::{ChatOptions, ChatTemplate, Message, ResponseFormat, Tools};
use serde_json::Value;

use super::ChatStream;
use super::memory::Memory;
use super::passage::{Passage, Reader, Sign, Text, signs};
use super::stream::Turn;
use crate::generate::{Resident, Start};
use crate::sampling::ThinkingBudget;
use crate::{GenerateOptions, LanguageModel, Result, TextStream};

/// A conversation with a model, which remembers it from turn to turn.
///
/// Every turn renders all messages by the checkpoint's chat template, and runs only the tokens from the first one that
/// differs from what is remembered. So messages may be changed at will, and that costs no more than it must.
///
/// ```no_run
/// use mlx_lm::{ChatEvent, ChatSession};
///
/// # fn main() -> mlx_lm::Result<()> {
/// let model = mlx_lm::load("HuggingFaceTB/SmolLM2-135M-Instruct")?;
/// let mut chat = ChatSession::new(&model)?.system("Answer in one sentence.");
/// for event in chat.send("What is the capital of France?")? {
///     if let ChatEvent::Text(text) = event? {
///         print!("{text}");
///     }
/// }
/// # Ok(()) }
/// ```
pub struct ChatSession<'m> {
    pub(super) model: &'m LanguageModel,
    pub(super) memory: Memory,
    pub(super) history: Vec<Message>,
    pub(super) options: GenerateOptions,
    /// The calls so far, which have numbers.
    pub(super) calls: usize,
    format: ResponseFormat,
    tools: Tools,
    template: ChatOptions,
    thinking_budget: Option<usize>,
    reader: Option<Box<dyn Reader<'m> + 'm>>,
}

impl<'m> ChatSession<'m> {
    /// A conversation without messages.
    ///
    /// # Errors
    /// The checkpoint names a way to call functions that is not known.
    pub fn new(model: &'m LanguageModel) -> Result<Self> {
        let format = ResponseFormat::of(model.tokenizer(), model.model().model_type())?;
        let options = GenerateOptions { max_tokens: 4096, ..GenerateOptions::default() };
        let mut template = ChatOptions::default();
        template.variables.insert("enable_thinking".into(), format.reasoning().is_some().into());
        Ok(Self {
            model,
            memory: Memory::new(model.model(), &options.cache)?,
            history: Vec::new(),
            options,
            calls: 0,
            format,
            tools: Tools::default(),
            template,
            thinking_budget: None,
            reader: None,
        })
    }

    /// Begins the conversation with instructions.
    #[must_use]
    pub fn system(mut self, text: impl Into<String>) -> Self {
        self.history.insert(0, Message::system(text));
        self
    }

    /// Lets the model call these functions: a JSON list of schemas, as chat servers take it.
    #[must_use]
    pub fn tools(mut self, schemas: Value) -> Self {
        self.tools = Tools::new(&schemas);
        self.template.tools = Some(schemas);
        self
    }

    /// How to generate; by default as [`GenerateOptions`] does, but up to 4096 tokens. A grammar counts from the first
    /// token of an answer; [`Grammar::after`](crate::sampling::Grammar::after) lets reasoning come before it.
    ///
    /// # Errors
    /// The options of the cache are out of range.
    pub fn options(mut self, options: GenerateOptions) -> Result<Self> {
        self.memory = Memory::new(self.model.model(), &options.cache)?;
        self.options = options;
        Ok(self)
    }

    /// A further variable for the chat template.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.template.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Whether to reason before answering, where the template leaves that open: its variables `enable_thinking` and
    /// `thinking`.
    #[must_use]
    pub fn thinking(self, on: bool) -> Self {
        self.variable("enable_thinking", on).variable("thinking", on)
    }

    /// Ends reasoning after so many tokens. Models that do not reason are not concerned.
    #[must_use]
    pub fn thinking_budget(mut self, tokens: usize) -> Self {
        self.thinking_budget = Some(tokens);
        self
    }

    /// Marks the parts of answers in another way than the checkpoint says.
    #[must_use]
    pub fn format(mut self, format: ResponseFormat) -> Self {
        self.format = format;
        self
    }

    /// Reads what the chat template writes in another way than as text.
    #[must_use]
    pub fn reader(mut self, reader: impl Reader<'m> + 'm) -> Self {
        self.reader = Some(Box::new(reader));
        self
    }

    /// The messages so far.
    pub fn history(&self) -> &[Message] {
        &self.history
    }

    /// The messages, to be changed, cut or replaced.
    pub fn history_mut(&mut self) -> &mut Vec<Message> {
        &mut self.history
    }

    /// The tokens that the model remembers of the conversation.
    pub fn remembered(&self) -> Vec<u32> {
        self.memory.tokens()
    }

    /// Says something, and gives the answer as it comes. A text is said by the user; the result of a function is
    /// [`Message::tool`].
    ///
    /// # Errors
    /// The template refuses the conversation, or the prompt cannot be run. The message is then not taken up.
    pub fn send(&mut self, message: impl Into<Message>) -> Result<ChatStream<'_, 'm>> {
        self.send_all([message.into()])
    }

    /// As [`send`](Self::send), with several messages, such as the results of several functions.
    pub fn send_all(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<ChatStream<'_, 'm>> {
        let before = self.history.len();
        self.history.extend(messages);
        match self.turn() {
            Ok(turn) => Ok(ChatStream::new(self, turn)),
            Err(error) => {
                self.history.truncate(before);
                Err(error)
            }
        }
    }

    /// Answers the conversation as it is, such as after a change of [`history_mut`](Self::history_mut).
    pub fn reply(&mut self) -> Result<ChatStream<'_, 'm>> {
        let turn = self.turn()?;
        Ok(ChatStream::new(self, turn))
    }

    /// Runs the prompt as far as it is new, and starts on the answer.
    fn turn(&mut self) -> Result<Turn<'m>> {
        let (started, peak) = (Instant::now(), Peak::start()?);
        let text = self.render(&self.history, true)?;
        let prompt = self.read(&text, &self.history)?;
        let model = self.model.model();
        model.check(prompt.tokens(), 0)?;
        let before_last = self.before_last_user(prompt.tokens());
        let tokens = signs(prompt.as_ref());
        let cached = self.memory.go_back(&tokens)?;
        let options = self.turn_options(&text)?;
        let start = self.start((prompt.as_ref(), &tokens), before_last, &options, started);
        let (stream, prefill_time) = match start {
            Ok(start) => start,
            Err(error) => {
                self.memory.forget(model, &self.options.cache)?;
                return Err(error);
            }
        };
        let marked = self.format != ResponseFormat::default();
        Ok(Turn {
            text: if marked { stream.with_special_tokens() } else { stream },
            parser: self.format.parser(&text, self.tools.clone()),
            tokens,
            cached,
            prefill_time,
            peak,
        })
    }

    /// Runs the rest of the prompt, and keeps the states that later turns may go back to. Tells how much time has passed
    /// until its last token.
    fn start(
        &mut self,
        (prompt, signs): (&dyn Passage, &[Sign]),
        before_last: usize,
        options: &GenerateOptions,
        started: Instant,
    ) -> Result<(TextStream<'m>, Duration)> {
        let model = self.model.model();
        let _resident = Resident::new([model])?;
        let last = signs.len().saturating_sub(1);
        for end in [before_last.min(last), last] {
            if end > self.memory.len() {
                self.memory.run(model, (prompt, signs), end, options)?;
                self.memory.keep();
            }
        }
        let cache = self.memory.lend(model, &options.cache)?;
        let prefill_time = started.elapsed();
        let stream = TextStream::new(self.model, Start::within(cache, prompt.tokens()), options)?;
        Ok((stream, prefill_time))
    }

    /// How many tokens of the prompt come before the last message of the user.
    fn before_last_user(&self, prompt: &[u32]) -> usize {
        let last = self.history.iter().rposition(|message| message.role == "user").unwrap_or_default();
        let Some(earlier) = self.history.get(..last).filter(|earlier| !earlier.is_empty()) else { return 0 };
        // A template may refuse half a conversation, which then has no place to go back to.
        let Ok(text) = self.render(earlier, false) else { return 0 };
        let Ok(passage) = self.read(&text, earlier) else { return 0 };
        passage.tokens().iter().zip(prompt).take_while(|(a, b)| a == b).count()
    }

    fn read(&self, text: &str, messages: &[Message]) -> Result<Box<dyn Passage + 'm>> {
        match &self.reader {
            Some(reader) => reader.read(text, messages),
            None => Ok(Box::new(Text::read(text, self.model.tokenizer())?)),
        }
    }

    fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let options = ChatOptions { add_generation_prompt, ..self.template.clone() };
        let template: Option<&ChatTemplate> = self.model.tokenizer().chat_template();
        let template = template.ok_or(mlx_text::Error::NoChatTemplate)?;
        let Some(reader) = &self.reader else { return Ok(template.render(messages, &options)?) };
        let messages = messages.iter().cloned().map(Message::in_parts).collect();
        Ok(template.render(&reader.written(messages), &options)?)
    }

    /// The options of a turn, with the budget of its reasoning.
    fn turn_options(&self, prompt: &str) -> Result<GenerateOptions> {
        let mut options = self.options.clone();
        if let (Some(tokens), Some(reasoning)) = (self.thinking_budget, self.format.reasoning()) {
            let encode = |marker: &str| self.model.tokenizer().encode(marker, false);
            let budget = ThinkingBudget {
                tokens,
                start: encode(&reasoning.start)?,
                end: encode(&reasoning.end)?,
                open: self.format.opens_reasoning(prompt),
            };
            options.grammar = Some(budget.grammar(options.grammar));
        }
        Ok(options)
    }
}
