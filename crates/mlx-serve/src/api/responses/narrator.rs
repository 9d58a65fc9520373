//! An answer as a response, and how it is told as it grows.

use mlx_lm::FinishReason;
use mlx_text::ToolCall;
use serde_json::{Map, Value, json};

use super::super::passages::{Kind, Passages, Step};
use super::super::stream::{Frame, Narrator};
use super::super::usage::{Usage, name, now, score};
use crate::fault::Fault;
use crate::text::{TextEvent, TokenScore};

/// What is said of a response all along.
pub(super) struct Head {
    pub(super) id: String,
    pub(super) created: u64,
    pub(super) model: String,
    /// What it says of its request.
    pub(super) echo: Map<String, Value>,
}

/// What is done with a response and its items at the end.
type Keep = Box<dyn FnOnce(&Value, &[Value]) + Send>;

/// A response that grows.
pub(super) struct Telling {
    head: Head,
    passages: Passages,
    /// Items that are whole.
    output: Vec<Value>,
    open: Option<Open>,
    usage: Usage,
    end: Option<End>,
    sequence: u64,
    keep: Option<Keep>,
}

/// An item that grows.
struct Open {
    kind: Kind,
    id: String,
    text: String,
    scores: Vec<Value>,
}

/// How it ended.
enum End {
    Completed,
    Incomplete,
    Failed(Fault),
}

impl Open {
    fn new(kind: Kind) -> Self {
        let id = name(match kind {
            Kind::Text => "msg_",
            Kind::Reasoning => "rs_",
        });
        Self { kind, id, text: String::new(), scores: Vec::new() }
    }

    fn part(&self) -> Value {
        match self.kind {
            Kind::Text => {
                json!({"type": "output_text", "text": self.text, "annotations": [], "logprobs": self.scores})
            }
            Kind::Reasoning => json!({"type": "reasoning_text", "text": self.text}),
        }
    }

    fn item(&self, status: &str, content: &[Value]) -> Value {
        let id = &self.id;
        match self.kind {
            Kind::Text => {
                json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
            }
            Kind::Reasoning => {
                json!({"id": id, "type": "reasoning", "status": status, "summary": [], "content": content})
            }
        }
    }

    /// Names of events: of more text, and of all of it.
    fn events(&self) -> [&'static str; 2] {
        match self.kind {
            Kind::Text => ["response.output_text.delta", "response.output_text.done"],
            Kind::Reasoning => ["response.reasoning_text.delta", "response.reasoning_text.done"],
        }
    }

    /// Where it stands, as events say it.
    fn place(&self, index: usize) -> Map<String, Value> {
        let place = [
            ("item_id", self.id.as_str().into()),
            ("output_index", index.into()),
            ("content_index", 0.into()),
        ];
        place.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Telling {
    pub(super) fn new(head: Head) -> Self {
        Self {
            head,
            passages: Passages::default(),
            output: Vec::new(),
            open: None,
            usage: Usage::default(),
            end: None,
            sequence: 0,
            keep: None,
        }
    }

    /// Hands the response and its items on once it is whole.
    pub(super) fn keep(self, keep: impl FnOnce(&Value, &[Value]) + Send + 'static) -> Self {
        Self { keep: Some(Box::new(keep)), ..self }
    }

    /// The response as it is now.
    pub(super) fn response(&self) -> Value {
        let (status, error, incomplete) = match &self.end {
            None => ("in_progress", Value::Null, Value::Null),
            Some(End::Completed) => ("completed", Value::Null, Value::Null),
            Some(End::Incomplete) => ("incomplete", Value::Null, json!({"reason": "max_output_tokens"})),
            Some(End::Failed(fault)) => {
                let code = fault.code.unwrap_or("server_error");
                ("failed", json!({"code": code, "message": fault.message}), Value::Null)
            }
        };
        let completed = matches!(self.end, Some(End::Completed)).then(now);
        let usage = self.end.as_ref().map(|_| self.usage.to_responses());
        let mut response = json!({
            "id": self.head.id,
            "object": "response",
            "created_at": self.head.created,
            "completed_at": completed,
            "status": status,
            "error": error,
            "incomplete_details": incomplete,
            "model": self.head.model,
            "output": self.output,
            "usage": usage,
        });
        if let Some(fields) = response.as_object_mut() {
            fields.extend(self.head.echo.clone());
        }
        response
    }

    /// The next event.
    fn frame(&mut self, kind: &'static str, mut fields: Map<String, Value>) -> Frame {
        fields.insert("type".into(), kind.into());
        fields.insert("sequence_number".into(), self.sequence.into());
        self.sequence += 1;
        Frame::Event(kind, fields.into())
    }

    /// The next event, which has the whole response.
    fn state(&mut self, kind: &'static str) -> Frame {
        let response = self.response();
        self.frame(kind, one("response", response))
    }

    fn item(&mut self, kind: &'static str, item: Value) -> Frame {
        let mut fields = one("item", item);
        fields.insert("output_index".into(), self.output.len().into());
        self.frame(kind, fields)
    }

    fn step(&mut self, step: Step) -> Vec<Frame> {
        match step {
            Step::Open(kind) => self.open(kind),
            Step::More(text, scores) => self.more(&text, &scores).into_iter().collect(),
            Step::Close => self.close("completed"),
            Step::Call(call) => self.call(call),
        }
    }

    fn open(&mut self, kind: Kind) -> Vec<Frame> {
        let open = Open::new(kind);
        let begun = self.item("response.output_item.added", open.item("in_progress", &[]));
        let mut part = open.place(self.output.len());
        part.insert("part".into(), open.part());
        self.open = Some(open);
        vec![begun, self.frame("response.content_part.added", part)]
    }

    fn more(&mut self, text: &str, scores: &[TokenScore]) -> Option<Frame> {
        let open = self.open.as_mut()?;
        let scores: Vec<_> = scores.iter().map(score).collect();
        open.text.push_str(text);
        let mut fields = open.place(self.output.len());
        fields.insert("delta".into(), text.into());
        if open.kind == Kind::Text {
            fields.insert("logprobs".into(), scores.clone().into());
            open.scores.extend(scores);
        }
        let [more, _] = open.events();
        Some(self.frame(more, fields))
    }

    fn close(&mut self, status: &str) -> Vec<Frame> {
        let Some(open) = self.open.take() else { return Vec::new() };
        let place = open.place(self.output.len());
        let mut text = place.clone();
        text.insert("text".into(), open.text.as_str().into());
        if open.kind == Kind::Text {
            text.insert("logprobs".into(), open.scores.clone().into());
        }
        let mut part = place;
        part.insert("part".into(), open.part());
        let item = open.item(status, &[open.part()]);
        let [_, done] = open.events();
        let frames = vec![
            self.frame(done, text),
            self.frame("response.content_part.done", part),
            self.item("response.output_item.done", item.clone()),
        ];
        self.output.push(item);
        frames
    }

    fn call(&mut self, call: ToolCall) -> Vec<Frame> {
        let (id, call_id) = (name("fc_"), call.id.unwrap_or_else(|| name("call_")));
        let arguments = Value::Object(call.arguments).to_string();
        let item = |status: &str, arguments: &str| {
            json!({
                "id": id,
                "type": "function_call",
                "status": status,
                "call_id": call_id,
                "name": call.name,
                "arguments": arguments,
            })
        };
        let mut delta = one("item_id", id.as_str().into());
        delta.insert("output_index".into(), self.output.len().into());
        let mut done = delta.clone();
        delta.insert("delta".into(), arguments.as_str().into());
        done.insert("arguments".into(), arguments.as_str().into());
        done.insert("name".into(), call.name.as_str().into());
        let whole = item("completed", &arguments);
        let frames = vec![
            self.item("response.output_item.added", item("in_progress", "")),
            self.frame("response.function_call_arguments.delta", delta),
            self.frame("response.function_call_arguments.done", done),
            self.item("response.output_item.done", whole.clone()),
        ];
        self.output.push(whole);
        frames
    }

    fn finish(&mut self, reason: FinishReason) -> Vec<Frame> {
        let (end, status, last) = match reason {
            FinishReason::Stop => (End::Completed, "completed", "response.completed"),
            FinishReason::Length => (End::Incomplete, "incomplete", "response.incomplete"),
        };
        let mut frames = self.close(status);
        self.end = Some(end);
        frames.push(self.state(last));
        if let Some(keep) = self.keep.take() {
            keep(&self.response(), &self.output);
        }
        frames
    }
}

fn one(name: &str, value: Value) -> Map<String, Value> {
    [(name.to_owned(), value)].into_iter().collect()
}

impl Narrator for Telling {
    fn tell(&mut self, event: TextEvent) -> Vec<Frame> {
        match event {
            TextEvent::Read { prompt_tokens, cached_tokens } => {
                (self.usage.prompt, self.usage.cached) = (prompt_tokens, cached_tokens);
                vec![self.state("response.created"), self.state("response.in_progress")]
            }
            TextEvent::Progress { processed, total } => vec![Frame::progress(processed, total)],
            TextEvent::Part { part, scores, .. } => {
                let steps = self.passages.take(part, scores);
                steps.into_iter().flat_map(|step| self.step(step)).collect()
            }
            TextEvent::Finished { reason, tokens, reasoning_tokens, .. } => {
                (self.usage.completion, self.usage.reasoning) = (tokens, reasoning_tokens);
                self.finish(reason)
            }
            TextEvent::Failed(fault) => {
                self.end = Some(End::Failed(fault));
                vec![self.state("response.failed")]
            }
        }
    }

    fn is_over(&self) -> bool {
        self.end.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::text::Part;

    fn telling() -> Telling {
        let echo = one("metadata", json!({"a": "b"}));
        Telling::new(Head { id: "resp_1".into(), created: 1, model: "m".into(), echo })
    }

    fn read() -> TextEvent {
        TextEvent::Read { prompt_tokens: 10, cached_tokens: 4 }
    }

    fn part(part: Part) -> TextEvent {
        TextEvent::Part { choice: 0, part, scores: Vec::new() }
    }

    fn end(reason: FinishReason) -> TextEvent {
        TextEvent::Finished { choice: 0, reason, stop: None, tokens: 7, reasoning_tokens: 2 }
    }

    fn call() -> ToolCall {
        let arguments = json!({"zone": "UTC"}).as_object().unwrap().clone();
        ToolCall { id: Some("call_1".into()), name: "now".into(), arguments }
    }

    /// The events that are told, and the response at the end.
    fn tell(mut telling: Telling, events: Vec<TextEvent>) -> (Vec<Value>, Value) {
        let mut told = Vec::new();
        for event in events {
            assert!(!telling.is_over());
            for frame in telling.tell(event) {
                let Frame::Event(name, value) = frame else { panic!("an event has no name") };
                assert_eq!(value["type"], name);
                assert_eq!(value["sequence_number"], told.len());
                told.push(value);
            }
        }
        assert!(telling.is_over());
        (told, telling.response())
    }

    fn names(told: &[Value]) -> Vec<&str> {
        told.iter().map(|value| value["type"].as_str().unwrap().strip_prefix("response.").unwrap()).collect()
    }

    #[test]
    fn reasoning_text_and_calls_are_items_in_order() {
        let events = vec![
            read(),
            part(Part::Reasoning("hm".into())),
            part(Part::Text("a".into())),
            part(Part::Text("b".into())),
            part(Part::Call(call())),
            end(FinishReason::Stop),
        ];
        let (told, response) = tell(telling(), events);
        let (added, done) =
            (["output_item.added", "content_part.added"], ["content_part.done", "output_item.done"]);
        let expected = [
            &["created", "in_progress"][..],
            &added,
            &["reasoning_text.delta", "reasoning_text.done"],
            &done,
            &added,
            &["output_text.delta", "output_text.delta", "output_text.done"],
            &done,
            &["output_item.added", "function_call_arguments.delta", "function_call_arguments.done"],
            &["output_item.done", "completed"],
        ]
        .concat();
        assert_eq!(names(&told), expected);
        let indices: Vec<_> = told.iter().filter_map(|value| value["output_index"].as_u64()).collect();
        assert_eq!(indices, [vec![0; 6], vec![1; 7], vec![2; 4]].concat());
        let output = response["output"].as_array().unwrap();
        assert_eq!(output[0]["content"], json!([{"type": "reasoning_text", "text": "hm"}]));
        let text = json!([{"type": "output_text", "text": "ab", "annotations": [], "logprobs": []}]);
        assert_eq!((&output[1]["content"], &output[1]["status"]), (&text, &json!("completed")));
        assert_eq!((&output[2]["call_id"], &output[2]["name"]), (&json!("call_1"), &json!("now")));
        assert_eq!(output[2]["arguments"], "{\"zone\":\"UTC\"}");
        assert_eq!(told.last().unwrap()["response"], response);
        assert_eq!((&response["status"], &response["metadata"]["a"]), (&json!("completed"), &json!("b")));
    }

    #[test]
    fn items_keep_their_names() {
        let (told, response) =
            tell(telling(), vec![read(), part(Part::Text("a".into())), end(FinishReason::Stop)]);
        let id = &response["output"][0]["id"];
        assert_eq!(&told[2]["item"]["id"], id);
        assert!(told[3..7].iter().all(|value| value.get("item_id").is_none_or(|given| given == id)));
        assert_eq!(told[4]["delta"], "a");
        assert_eq!((&told[5]["text"], &told[6]["part"]["text"]), (&json!("a"), &json!("a")));
    }

    #[test]
    fn a_text_that_is_cut_off_is_incomplete() {
        let (told, response) =
            tell(telling(), vec![read(), part(Part::Text("a".into())), end(FinishReason::Length)]);
        assert_eq!(names(&told).last(), Some(&"incomplete"));
        assert_eq!(response["incomplete_details"], json!({"reason": "max_output_tokens"}));
        assert_eq!(
            (&response["status"], &response["output"][0]["status"]),
            (&json!("incomplete"), &json!("incomplete"))
        );
    }

    #[test]
    fn what_it_cost_is_told_at_the_end() {
        let (told, response) = tell(telling(), vec![read(), end(FinishReason::Stop)]);
        assert_eq!(told[0]["response"]["usage"], Value::Null);
        let usage = json!({
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 2},
            "total_tokens": 17,
        });
        assert_eq!(response["usage"], usage);
    }

    #[test]
    fn a_failure_is_a_failed_response() {
        let (told, response) = tell(telling(), vec![read(), TextEvent::Failed(Fault::internal("broken"))]);
        assert_eq!(names(&told).last(), Some(&"failed"));
        assert_eq!(response["error"], json!({"code": "server_error", "message": "broken"}));
    }

    #[test]
    fn only_what_is_whole_is_kept() {
        let kept = |last| {
            let (sender, receiver) = mpsc::channel();
            let telling = telling().keep(move |response, output| {
                sender.send((response["status"].clone(), output.len())).unwrap();
            });
            tell(telling, vec![read(), part(Part::Text("a".into())), last]);
            receiver.try_iter().collect::<Vec<_>>()
        };
        assert_eq!(kept(end(FinishReason::Stop)), [(json!("completed"), 1)]);
        assert_eq!(kept(TextEvent::Failed(Fault::internal("broken"))), []);
    }

    #[test]
    fn scores_go_with_their_text() {
        let score = TokenScore { bytes: b"a".to_vec(), logprob: -1.0, top: Vec::new() };
        let event = TextEvent::Part { choice: 0, part: Part::Text("a".into()), scores: vec![score] };
        let (told, response) = tell(telling(), vec![read(), event, end(FinishReason::Stop)]);
        let scores = json!([{"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}]);
        assert_eq!(told[4]["logprobs"], scores);
        assert_eq!(response["output"][0]["content"][0]["logprobs"], scores);
    }
}
