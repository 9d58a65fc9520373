//! An answer as it comes.

use std::collections::VecDeque;
use std::time::Duration;

use mlx_memory::Peak;
use mlx_text::{Message, ResponseEvent, ResponseParser, ToolCall};

use super::passage::Sign;
use super::{ChatEvent, ChatSession, ChatStats, Finished};
use crate::{FinishReason, Result, TextStream};

/// An answer that has begun.
pub(super) struct Turn<'m> {
    pub(super) text: TextStream<'m>,
    pub(super) parser: ResponseParser,
    /// The prompt, then the new tokens, with what tells them apart.
    pub(super) tokens: Vec<Sign>,
    /// How many tokens of the prompt were remembered.
    pub(super) cached: usize,
    pub(super) prefill_time: Duration,
    pub(super) peak: Peak,
}

/// An answer as it comes, an iterator of [`ChatEvent`]s.
///
/// It may be dropped at any time: the conversation then holds what was shown, and goes on from there.
pub struct ChatStream<'s, 'm> {
    session: &'s mut ChatSession<'m>,
    turn: Turn<'m>,
    /// What is to be shown.
    events: VecDeque<ChatEvent>,
    shown: Shown,
    prompt_tokens: usize,
    reasoning_tokens: usize,
    finished: bool,
    failed: bool,
}

/// What was shown of an answer.
#[derive(Default)]
struct Shown {
    text: String,
    reasoning: String,
    calls: Vec<ToolCall>,
}

impl<'s, 'm> ChatStream<'s, 'm> {
    pub(super) fn new(session: &'s mut ChatSession<'m>, turn: Turn<'m>) -> Self {
        Self {
            session,
            prompt_tokens: turn.tokens.len(),
            turn,
            events: VecDeque::new(),
            shown: Shown::default(),
            reasoning_tokens: 0,
            finished: false,
            failed: false,
        }
    }

    /// What the answer cost so far.
    pub fn stats(&self) -> ChatStats {
        let mut generation = self.turn.text.stats().clone();
        generation.prompt_tokens = self.prompt_tokens - self.turn.cached;
        if generation.generation_tokens > 0 {
            generation.prompt_time += self.turn.prefill_time;
        }
        if let Ok(peak) = self.turn.peak.so_far() {
            generation.peak_memory = peak;
        }
        ChatStats {
            cached_tokens: self.turn.cached,
            prefilled_tokens: generation.prompt_tokens,
            generation,
            reasoning_tokens: self.reasoning_tokens,
        }
    }

    /// Takes the next piece of text apart.
    fn advance(&mut self) -> Result<()> {
        let Some(piece) = self.turn.text.next().transpose()? else { return Ok(()) };
        self.turn.tokens.extend(piece.token.map(|token| (token, 0)));
        self.reasoning_tokens += usize::from(piece.token.is_some() && self.turn.parser.is_reasoning());
        let parts = self.turn.parser.push(&piece.text);
        self.take(parts);
        if let Some(reason) = piece.finish {
            let parts = self.turn.parser.finish();
            self.take(parts);
            self.finish(reason);
        }
        Ok(())
    }

    fn take(&mut self, parts: Vec<ResponseEvent>) {
        for part in parts {
            let event = match part {
                ResponseEvent::Content(text) => ChatEvent::Text(text),
                ResponseEvent::Reasoning(text) => ChatEvent::Reasoning(text),
                ResponseEvent::Rejected(call) => ChatEvent::Rejected(call),
                ResponseEvent::ToolCall(call) => ChatEvent::ToolCall(self.named(call)),
            };
            self.events.push_back(event);
        }
    }

    /// The call with an id: nine letters and digits, which is what templates that check ids ask for.
    fn named(&mut self, call: ToolCall) -> ToolCall {
        self.session.calls += 1;
        let id = call.id.unwrap_or_else(|| format!("call{:05}", self.session.calls));
        ToolCall { id: Some(id), ..call }
    }

    fn finish(&mut self, reason: FinishReason) {
        let waiting = self.events.iter().filter(|event| matches!(event, ChatEvent::ToolCall(_))).count();
        let tool_calls = self.shown.calls.len() + waiting;
        self.events.push_back(ChatEvent::Finished(Finished { reason, tool_calls, stats: self.stats() }));
    }
}

impl Iterator for ChatStream<'_, '_> {
    type Item = Result<ChatEvent>;

    fn next(&mut self) -> Option<Result<ChatEvent>> {
        while self.events.is_empty() && !self.finished && !self.failed {
            if let Err(error) = self.advance() {
                self.failed = true;
                return Some(Err(error));
            }
        }
        let event = self.events.pop_front()?;
        self.finished |= matches!(event, ChatEvent::Finished(_));
        self.shown.take(&event);
        Some(Ok(event))
    }
}

impl Drop for ChatStream<'_, '_> {
    fn drop(&mut self) {
        let tokens = std::mem::take(&mut self.turn.tokens);
        let cache = if self.failed { None } else { self.turn.text.settle().ok() };
        if let Some(cache) = cache {
            self.session.memory.take_up(cache, tokens);
        } else {
            let (model, options) = (self.session.model.model(), &self.session.options.cache);
            // What is lent out leaves an empty memory, which serves the next turn as well.
            let _ = self.session.memory.forget(model, options);
        }
        if self.finished || !self.shown.is_empty() {
            self.session.history.push(self.shown.message());
        }
    }
}

impl Shown {
    fn take(&mut self, event: &ChatEvent) {
        match event {
            ChatEvent::Text(text) => self.text.push_str(text),
            ChatEvent::Reasoning(text) => self.reasoning.push_str(text),
            ChatEvent::ToolCall(call) => self.calls.push(call.clone()),
            ChatEvent::Rejected(call) => self.text.push_str(&call.text),
            ChatEvent::Finished(_) => {}
        }
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.reasoning.is_empty() && self.calls.is_empty()
    }

    /// The message of the answer. Beside other parts, white space around the text only parts it from them.
    fn message(&self) -> Message {
        let alone = self.reasoning.is_empty() && self.calls.is_empty();
        let text = if alone { self.text.as_str() } else { self.text.trim() };
        let mut message =
            Message::assistant(text).with_reasoning(self.reasoning.trim()).with_tool_calls(&self.calls);
        if !text.is_empty() && !self.calls.is_empty() {
            // The template of gpt-oss refuses calls with a text and this.
            message.extra.remove("thinking");
        }
        message
    }
}
