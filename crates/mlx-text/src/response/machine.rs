//! Finding the parts of an answer while it arrives.

use std::mem;

use super::ResponseFormat;
use crate::tool::{RejectedCall, ToolCall, ToolFormat, Tools, opens_call, parses_json, recipient};

/// A part of an answer. Neighbours of one kind put together are a whole part.
#[derive(Clone, Debug, PartialEq)]
pub enum ResponseEvent {
    /// Text for the user.
    Content(String),
    /// What the model thinks.
    Reasoning(String),
    /// A call of a function.
    ToolCall(ToolCall),
    /// What should have been a call.
    Rejected(RejectedCall),
}

/// Takes an answer apart while it arrives, made by [`ResponseFormat::parser`].
///
/// Markers are not shown, and what may be the beginning of one waits. How the text is cut into pieces makes no
/// difference to the parts.
#[derive(Clone, Debug)]
pub struct ResponseParser {
    tools: Tools,
    format: Option<ToolFormat>,
    edges: Vec<Edge>,
    state: State,
    /// Text that may belong to a marker.
    waiting: String,
    /// The call or header that is being written.
    body: String,
    /// Whether the answer may still be a call without a marker.
    may_be_bare: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Content,
    Reasoning,
    /// Within the markers of calls.
    Tool,
    /// Within a call without a marker.
    Bare,
    /// Within the header of a message, which says what the message is.
    Header,
}

/// A marker that leads from a state to another.
#[derive(Clone, Debug)]
struct Edge {
    from: State,
    marker: String,
    to: State,
}

const END_OF_HEADER: &str = "<|message|>";

impl ResponseParser {
    pub(super) fn new(format: &ResponseFormat, prompt: &str, tools: Tools) -> Self {
        let may_be_bare = format.tools() == Some(ToolFormat::Llama3) && !tools.is_empty();
        let mut parser = Self {
            tools,
            format: format.tools(),
            edges: edges(format),
            state: State::Content,
            waiting: String::new(),
            body: String::new(),
            may_be_bare,
        };
        match format.tools() {
            Some(ToolFormat::Harmony) => {
                parser.state = State::Header;
                let (_, header) = prompt.rsplit_once("<|start|>").unwrap_or_default();
                parser.push(header);
            }
            Some(ToolFormat::MuseSpark) => parser.state = State::Header,
            _ if format.opens_reasoning(prompt) => parser.state = State::Reasoning,
            _ => {}
        }
        parser
    }

    /// Takes more of the answer, and gives what became certain.
    pub fn push(&mut self, text: &str) -> Vec<ResponseEvent> {
        self.waiting.push_str(text);
        let mut events = Vec::new();
        while self.step(&mut events) {}
        events
    }

    /// Ends the answer: what waited is no marker, and a call that has no end is taken as it is.
    pub fn finish(&mut self) -> Vec<ResponseEvent> {
        let mut events = Vec::new();
        let rest = mem::take(&mut self.waiting);
        self.pass(rest, &mut events);
        let body = mem::take(&mut self.body);
        match self.state {
            State::Tool => self.end_call(body, "", &mut events),
            State::Bare => self.end_bare(body, &mut events),
            State::Header if !body.contains("<|") && body.trim() != "assistant" => show(body, &mut events),
            _ => {}
        }
        events
    }

    /// Whether reasoning is what comes at the moment.
    pub fn is_reasoning(&self) -> bool {
        self.state == State::Reasoning
    }

    /// Goes on past the next marker. Returns whether there was one.
    fn step(&mut self, events: &mut Vec<ResponseEvent>) -> bool {
        if self.may_be_bare && self.state == State::Content {
            let Some(opens) = opens_call(&self.waiting) else { return false };
            self.may_be_bare = false;
            self.state = if opens { State::Bare } else { State::Content };
        }
        let (certain, edge) = self.next_marker();
        let rest = self.waiting.split_off(certain);
        let passed = mem::replace(&mut self.waiting, rest);
        self.pass(passed, events);
        let Some(edge) = edge else { return false };
        self.waiting = self.waiting.split_off(edge.marker.len());
        self.follow(&edge, events);
        true
    }

    /// How much text comes before the next marker, and that marker; without one, how much text belongs to none.
    fn next_marker(&self) -> (usize, Option<Edge>) {
        let edges = || self.edges.iter().filter(|edge| edge.from == self.state);
        for (at, _) in self.waiting.char_indices() {
            let rest = self.waiting.split_at(at).1;
            if let Some(edge) = edges().find(|edge| rest.starts_with(&edge.marker)) {
                return (at, Some(edge.clone()));
            }
            if edges().any(|edge| edge.marker.starts_with(rest)) {
                return (at, None);
            }
        }
        (self.waiting.len(), None)
    }

    /// Takes text that belongs to no marker.
    fn pass(&mut self, text: String, events: &mut Vec<ResponseEvent>) {
        match self.state {
            State::Content => show(text, events),
            State::Reasoning if !text.is_empty() => events.push(ResponseEvent::Reasoning(text)),
            State::Reasoning => {}
            State::Tool | State::Bare | State::Header => self.body.push_str(&text),
        }
    }

    fn follow(&mut self, edge: &Edge, events: &mut Vec<ResponseEvent>) {
        let body = mem::take(&mut self.body);
        self.state = edge.to;
        match edge.from {
            State::Tool => self.end_call(body, &edge.marker, events),
            State::Header if edge.marker == END_OF_HEADER => self.end_header(&body),
            _ => {}
        }
    }

    /// Goes on with the message that a header announces.
    fn end_header(&mut self, header: &str) {
        self.state = match (self.format, recipient(header)) {
            (Some(ToolFormat::MuseSpark), Some("self")) => State::Reasoning,
            (Some(ToolFormat::Harmony), Some(_)) => {
                self.body = format!("{header}{END_OF_HEADER}");
                State::Tool
            }
            (Some(ToolFormat::Harmony), None) if header.contains("analysis") => State::Reasoning,
            _ => State::Content,
        };
    }

    fn end_call(&self, body: String, end: &str, events: &mut Vec<ResponseEvent>) {
        let Some(format) = self.format else { return };
        let parsed = format.parse(&body, &self.tools);
        events.extend(parsed.calls.into_iter().map(ResponseEvent::ToolCall));
        if let Some(rejected) = parsed.rejected {
            let start = if format == ToolFormat::Harmony { "" } else { format.start() };
            let text = format!("{start}{body}{end}");
            events.push(ResponseEvent::Rejected(RejectedCall { text, ..rejected }));
        }
    }

    /// Ends what looked like a call. An answer may be JSON too.
    fn end_bare(&self, body: String, events: &mut Vec<ResponseEvent>) {
        let parsed = ToolFormat::Llama3.parse(&body, &self.tools);
        match parsed.rejected {
            None if parsed.calls.iter().all(|call| self.tools.contains(&call.name)) => {
                events.extend(parsed.calls.into_iter().map(ResponseEvent::ToolCall));
            }
            Some(rejected) if !parses_json(&body) => events.push(ResponseEvent::Rejected(rejected)),
            _ => show(body, events),
        }
    }
}

fn show(text: String, events: &mut Vec<ResponseEvent>) {
    if !text.is_empty() {
        events.push(ResponseEvent::Content(text));
    }
}

/// The markers of a format and where they lead. None is the beginning of another from the same state.
fn edges(format: &ResponseFormat) -> Vec<Edge> {
    let mut edges = Vec::new();
    let mut add = |from, marker: &str, to| {
        if !marker.is_empty() {
            edges.push(Edge { from, marker: marker.to_owned(), to });
        }
    };
    match format.tools() {
        Some(ToolFormat::Harmony) => {
            add(State::Header, END_OF_HEADER, State::Content);
            for marker in ["<|end|>", "<|call|>", "<|return|>", "<|start|>", "<|channel|>"] {
                for from in [State::Content, State::Reasoning, State::Tool] {
                    add(from, marker, State::Header);
                }
            }
        }
        Some(tools @ ToolFormat::MuseSpark) => {
            add(State::Header, END_OF_HEADER, State::Content);
            add(State::Header, tools.start(), State::Tool);
            add(State::Tool, tools.end(), State::Content);
            add(State::Reasoning, "<|eom|>", State::Header);
            add(State::Content, "<|eom|>", State::Header);
            add(State::Content, "<|eot|>", State::Content);
        }
        tools => {
            if let Some(reasoning) = format.reasoning() {
                add(State::Content, &reasoning.start, State::Reasoning);
                add(State::Reasoning, &reasoning.end, State::Content);
            }
            if let Some(tools) = tools {
                add(State::Content, tools.start(), State::Tool);
                add(State::Reasoning, tools.start(), State::Tool);
                add(State::Tool, tools.end(), State::Content);
            }
            if tools == Some(ToolFormat::KimiK3) {
                for marker in
                    ["<|open|>response<|sep|>", "<|close|>response<|sep|>", "<|close|>message<|sep|>"]
                {
                    add(State::Content, marker, State::Content);
                }
            }
        }
    }
    edges
}
