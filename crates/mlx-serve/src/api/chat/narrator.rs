//! The pieces of a streamed chat.

use serde_json::{Value, json};

use super::super::stream::{Frame, Narrator};
use super::super::usage::Usage;
use super::{Head, call, logprobs};
use crate::text::{Part, TextEvent, TokenScore};

/// Tells answers piece by piece.
pub(super) struct Telling {
    head: Head,
    /// How many calls each answer has so far.
    calls: Vec<usize>,
    left: usize,
    usage: Usage,
    tells_usage: bool,
    failed: bool,
}

impl Telling {
    pub(super) fn new(head: Head, choices: usize, tells_usage: bool) -> Self {
        Self {
            head,
            calls: vec![0; choices],
            left: choices,
            usage: Usage::default(),
            tells_usage,
            failed: false,
        }
    }

    fn chunk(&self, choice: usize, delta: &Value, scores: &[TokenScore], reason: Option<&str>) -> Frame {
        let choices = json!([{
            "index": choice,
            "delta": delta,
            "logprobs": logprobs(scores),
            "finish_reason": reason,
        }]);
        Frame::Data(self.frame(&choices, &Value::Null))
    }

    fn frame(&self, choices: &Value, usage: &Value) -> Value {
        let mut frame = json!({
            "id": self.head.id,
            "object": "chat.completion.chunk",
            "created": self.head.created,
            "model": self.head.model,
            "choices": choices,
        });
        if let Some(fields) = frame.as_object_mut().filter(|_| self.tells_usage) {
            fields.insert("usage".into(), usage.clone());
        }
        frame
    }

    fn part(&mut self, choice: usize, part: Part, scores: &[TokenScore]) -> Frame {
        let delta = match part {
            Part::Text(text) => json!({"content": text}),
            Part::Reasoning(text) => json!({"reasoning_content": text, "reasoning": text}),
            Part::Call(made) => {
                let index = self.calls.get(choice).copied().unwrap_or_default();
                if let Some(calls) = self.calls.get_mut(choice) {
                    *calls += 1;
                }
                let mut call = call(&made);
                if let Some(fields) = call.as_object_mut() {
                    fields.insert("index".into(), index.into());
                }
                json!({"tool_calls": [call]})
            }
        };
        self.chunk(choice, &delta, scores, None)
    }
}

impl Narrator for Telling {
    fn tell(&mut self, event: TextEvent) -> Vec<Frame> {
        match event {
            TextEvent::Read { prompt_tokens, cached_tokens } => {
                (self.usage.prompt, self.usage.cached) = (prompt_tokens, cached_tokens);
                let role = json!({"role": "assistant", "content": ""});
                (0..self.calls.len()).map(|choice| self.chunk(choice, &role, &[], None)).collect()
            }
            TextEvent::Progress { processed, total } => vec![Frame::progress(processed, total)],
            TextEvent::Part { choice, part, scores } => vec![self.part(choice, part, &scores)],
            TextEvent::Finished { choice, reason, tokens, reasoning_tokens, .. } => {
                self.usage.completion += tokens;
                self.usage.reasoning += reasoning_tokens;
                self.left = self.left.saturating_sub(1);
                let calls = self.calls.get(choice).is_some_and(|calls| *calls > 0);
                let stopped = reason == mlx_lm::FinishReason::Stop;
                let reason = if calls && stopped { "tool_calls" } else { reason.name() };
                let mut frames = vec![self.chunk(choice, &json!({}), &[], Some(reason))];
                if self.left == 0 {
                    if self.tells_usage {
                        frames.push(Frame::Data(self.frame(&json!([]), &self.usage.to_json())));
                    }
                    frames.push(Frame::Done);
                }
                frames
            }
            TextEvent::Failed(fault) => {
                self.failed = true;
                vec![Frame::Data(fault.to_openai()), Frame::Done]
            }
        }
    }

    fn is_over(&self) -> bool {
        self.failed || self.left == 0
    }
}
