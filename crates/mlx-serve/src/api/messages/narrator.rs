//! An answer as a message, and how it is told as it grows.

use mlx_lm::FinishReason;
use mlx_text::ToolCall;
use serde_json::{Value, json};

use super::super::passages::{Kind, Passages, Step};
use super::super::stream::{Frame, Narrator};
use super::super::usage::{Usage, name};
use crate::text::TextEvent;

/// A message that grows.
pub(super) struct Telling {
    id: String,
    model: String,
    passages: Passages,
    /// All blocks; the last one may still grow.
    content: Vec<Value>,
    usage: Usage,
    calls: bool,
    end: End,
    over: bool,
}

/// Why it ended.
#[derive(Default)]
struct End {
    reason: Option<&'static str>,
    sequence: Option<String>,
}

impl Telling {
    pub(super) fn new(model: String) -> Self {
        Self {
            id: name("msg_"),
            model,
            passages: Passages::default(),
            content: Vec::new(),
            usage: Usage::default(),
            calls: false,
            end: End::default(),
            over: false,
        }
    }

    /// The message as it is now.
    pub(super) fn message(&self) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": self.content,
            "stop_reason": self.end.reason,
            "stop_sequence": self.end.sequence,
            "usage": self.usage(),
        })
    }

    /// What is remembered is counted apart from the rest of the prompt.
    fn usage(&self) -> Value {
        json!({
            "input_tokens": self.usage.prompt.saturating_sub(self.usage.cached),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": self.usage.cached,
            "output_tokens": self.usage.completion,
        })
    }

    fn step(&mut self, step: Step) -> Vec<Frame> {
        match step {
            Step::Open(Kind::Text) => vec![self.open(json!({"type": "text", "text": ""}))],
            Step::Open(Kind::Reasoning) => {
                vec![self.open(json!({"type": "thinking", "thinking": "", "signature": ""}))]
            }
            Step::More(text, _) => self.more(&text),
            Step::Close => vec![self.stop()],
            Step::Call(call) => self.call(call),
        }
    }

    fn index(&self) -> usize {
        self.content.len().saturating_sub(1)
    }

    fn open(&mut self, block: Value) -> Frame {
        self.content.push(block.clone());
        frame("content_block_start", json!({"index": self.index(), "content_block": block}))
    }

    fn delta(&self, delta: &Value) -> Frame {
        frame("content_block_delta", json!({"index": self.index(), "delta": delta}))
    }

    fn stop(&self) -> Frame {
        frame("content_block_stop", json!({"index": self.index()}))
    }

    fn more(&mut self, text: &str) -> Vec<Frame> {
        let Some(block) = self.content.last_mut().and_then(Value::as_object_mut) else { return Vec::new() };
        let field = if block.contains_key("text") { "text" } else { "thinking" };
        if let Some(Value::String(whole)) = block.get_mut(field) {
            whole.push_str(text);
        }
        let delta = json!({"type": format!("{field}_delta"), field: text});
        vec![self.delta(&delta)]
    }

    fn call(&mut self, call: ToolCall) -> Vec<Frame> {
        self.calls = true;
        let id = call.id.unwrap_or_else(|| name("toolu_"));
        let block = json!({"type": "tool_use", "id": id, "name": call.name, "input": {}});
        let begun = self.open(block);
        let input = Value::Object(call.arguments);
        let json = json!({"type": "input_json_delta", "partial_json": input.to_string()});
        if let Some(fields) = self.content.last_mut().and_then(Value::as_object_mut) {
            fields.insert("input".into(), input);
        }
        vec![begun, self.delta(&json), self.stop()]
    }

    fn finish(&mut self, reason: FinishReason, sequence: Option<String>) -> Vec<Frame> {
        let reason = match (reason, &sequence) {
            (FinishReason::Length, _) => "max_tokens",
            (FinishReason::Stop, Some(_)) => "stop_sequence",
            (FinishReason::Stop, None) if self.calls => "tool_use",
            (FinishReason::Stop, None) => "end_turn",
        };
        self.end = End { reason: Some(reason), sequence };
        self.over = true;
        let mut frames: Vec<_> = self.passages.close().map(|_| self.stop()).collect();
        let delta = json!({"stop_reason": self.end.reason, "stop_sequence": self.end.sequence});
        frames.push(frame("message_delta", json!({"delta": delta, "usage": self.usage()})));
        frames.push(frame("message_stop", json!({})));
        frames
    }
}

/// An event of that name, with the fields that it has beside it.
fn frame(kind: &'static str, mut fields: Value) -> Frame {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("type".into(), kind.into());
    }
    Frame::Event(kind, fields)
}

impl Narrator for Telling {
    fn tell(&mut self, event: TextEvent) -> Vec<Frame> {
        match event {
            TextEvent::Read { prompt_tokens, cached_tokens } => {
                (self.usage.prompt, self.usage.cached) = (prompt_tokens, cached_tokens);
                vec![frame("message_start", json!({"message": self.message()})), frame("ping", json!({}))]
            }
            TextEvent::Progress { .. } => vec![frame("ping", json!({}))],
            TextEvent::Part { part, scores, .. } => {
                let steps = self.passages.take(part, scores);
                steps.into_iter().flat_map(|step| self.step(step)).collect()
            }
            TextEvent::Finished { reason, stop, tokens, reasoning_tokens, .. } => {
                (self.usage.completion, self.usage.reasoning) = (tokens, reasoning_tokens);
                self.finish(reason, stop)
            }
            TextEvent::Failed(fault) => {
                self.over = true;
                vec![Frame::Event("error", fault.to_anthropic())]
            }
        }
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::text::Part;

    fn read() -> TextEvent {
        TextEvent::Read { prompt_tokens: 10, cached_tokens: 4 }
    }

    fn part(part: Part) -> TextEvent {
        TextEvent::Part { choice: 0, part, scores: Vec::new() }
    }

    fn end(reason: FinishReason, stop: Option<&str>) -> TextEvent {
        let stop = stop.map(str::to_owned);
        TextEvent::Finished { choice: 0, reason, stop, tokens: 7, reasoning_tokens: 2 }
    }

    fn call() -> ToolCall {
        let arguments = json!({"zone": "UTC"}).as_object().unwrap().clone();
        ToolCall { id: Some("toolu_1".into()), name: "now".into(), arguments }
    }

    /// The events that are told, and the message at the end.
    fn tell(events: Vec<TextEvent>) -> (Vec<Value>, Value) {
        let mut telling = Telling::new("m".into());
        let mut told = Vec::new();
        for event in events {
            assert!(!telling.is_over());
            for frame in telling.tell(event) {
                let Frame::Event(name, value) = frame else { panic!("an event has no name") };
                assert_eq!(value["type"], name);
                told.push(value);
            }
        }
        assert!(telling.is_over());
        (told, telling.message())
    }

    fn names(told: &[Value]) -> Vec<&str> {
        told.iter().map(|value| value["type"].as_str().unwrap()).collect()
    }

    #[test]
    fn thinking_text_and_calls_are_blocks_in_order() {
        let (told, message) = tell(vec![
            read(),
            part(Part::Reasoning("hm".into())),
            part(Part::Text("a".into())),
            part(Part::Text("b".into())),
            part(Part::Call(call())),
            end(FinishReason::Stop, None),
        ]);
        let block = ["content_block_start", "content_block_delta", "content_block_stop"];
        let text =
            ["content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"];
        let expected =
            [&["message_start", "ping"][..], &block, &text, &block, &["message_delta", "message_stop"]]
                .concat();
        assert_eq!(names(&told), expected);
        let indices: Vec<_> = told.iter().filter_map(|value| value["index"].as_u64()).collect();
        assert_eq!(indices, [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]);
        assert_eq!(told[3]["delta"], json!({"type": "thinking_delta", "thinking": "hm"}));
        assert_eq!(told[6]["delta"], json!({"type": "text_delta", "text": "a"}));
        let input = json!({"type": "input_json_delta", "partial_json": "{\"zone\":\"UTC\"}"});
        assert_eq!(told[10]["delta"], input);
        let content = json!([
            {"type": "thinking", "thinking": "hm", "signature": ""},
            {"type": "text", "text": "ab"},
            {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {"zone": "UTC"}},
        ]);
        assert_eq!(message["content"], content);
        assert_eq!(message["stop_reason"], "tool_use");
    }

    #[test]
    fn a_block_that_is_open_is_closed_at_the_end() {
        let (told, _) = tell(vec![read(), part(Part::Text("a".into())), end(FinishReason::Length, None)]);
        assert_eq!(names(&told)[4..], ["content_block_stop", "message_delta", "message_stop"]);
        assert_eq!(told[5]["delta"], json!({"stop_reason": "max_tokens", "stop_sequence": null}));
    }

    #[test]
    fn the_start_has_no_end_yet() {
        let (told, _) = tell(vec![read(), end(FinishReason::Stop, None)]);
        let start = &told[0]["message"];
        assert_eq!((&start["stop_reason"], &start["content"]), (&Value::Null, &json!([])));
        assert_eq!(told[2]["delta"]["stop_reason"], "end_turn");
    }

    #[test]
    fn the_stop_text_is_named() {
        let (told, message) = tell(vec![read(), end(FinishReason::Stop, Some("END"))]);
        assert_eq!(told[2]["delta"], json!({"stop_reason": "stop_sequence", "stop_sequence": "END"}));
        assert_eq!(message["stop_sequence"], "END");
    }

    #[test]
    fn remembered_tokens_are_counted_apart() {
        let (told, message) = tell(vec![read(), end(FinishReason::Stop, None)]);
        let usage = |output| {
            json!({
                "input_tokens": 6,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 4,
                "output_tokens": output,
            })
        };
        assert_eq!(told[0]["message"]["usage"], usage(0));
        assert_eq!((&told[2]["usage"], &message["usage"]), (&usage(7), &usage(7)));
    }

    #[test]
    fn a_failure_is_the_last_event() {
        let (told, _) = tell(vec![read(), TextEvent::Failed(Fault::busy("full"))]);
        let error = json!({"type": "rate_limit_error", "message": "full"});
        assert_eq!(told.last(), Some(&json!({"type": "error", "error": error})));
    }
}
