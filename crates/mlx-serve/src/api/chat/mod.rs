//! `/v1/chat/completions`.

mod narrator;
mod request;

use axum::Json;
use axum::response::{IntoResponse, Response};
use mlx_text::ToolCall;
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use self::narrator::Telling;
pub(super) use self::request::choices;
use super::Shared;
use super::fields::{Fields, StreamFields};
use super::media::Album;
use super::stream::{begin, lost, respond};
use super::usage::{Usage, name, now, score};
use crate::fault::Fault;
use crate::text::{Part, TextEvent, TextJob, TokenScore};

/// Answers a conversation.
pub(super) async fn answer(house: Shared, fields: Fields) -> Result<Response, Fault> {
    let streaming: StreamFields = fields.read()?;
    let (reply, mut events) = mpsc::unbounded_channel();
    let (model, write) = request::read(&fields, &mut Album::new(&house), reply).await?;
    let (entry, engine) = house.catalogue.writer(model.as_deref())?;
    let choices = write.choices;
    engine.submit(TextJob::Write(Box::new(write)))?;
    let first = begin(&mut events).await?;
    let head = Head { id: name("chatcmpl-"), created: now(), model: entry.name.clone() };
    if streaming.streams() {
        return Ok(respond(first, events, Telling::new(head, choices, streaming.tells_usage())));
    }
    let whole = collect(first, events, choices).await?;
    Ok(Json(head.whole(&whole)).into_response())
}

/// What is said of every answer.
struct Head {
    id: String,
    created: u64,
    model: String,
}

/// An answer at its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) reasoning: String,
    pub(super) calls: Vec<ToolCall>,
    pub(super) scores: Vec<TokenScore>,
    /// OpenAI's name for why it ended.
    pub(super) reason: &'static str,
}

/// All answers to a request, and what they cost.
pub(super) struct Whole {
    pub(super) answers: Vec<Answer>,
    pub(super) usage: Usage,
}

/// Waits for the ends of all answers.
pub(super) async fn collect(
    first: TextEvent,
    mut events: UnboundedReceiver<TextEvent>,
    choices: usize,
) -> Result<Whole, Fault> {
    let mut whole = Whole { answers: vec![Answer::default(); choices], usage: Usage::default() };
    let (mut next, mut left) = (Some(first), choices);
    while left > 0 {
        let event = match next.take() {
            Some(event) => event,
            None => events.recv().await.ok_or_else(lost)?,
        };
        left -= usize::from(matches!(event, TextEvent::Finished { .. }));
        whole.take(event)?;
    }
    Ok(whole)
}

impl Whole {
    fn take(&mut self, event: TextEvent) -> Result<(), Fault> {
        match event {
            TextEvent::Read { prompt_tokens, cached_tokens } => {
                (self.usage.prompt, self.usage.cached) = (prompt_tokens, cached_tokens);
            }
            TextEvent::Progress { .. } => {}
            TextEvent::Part { choice, part, scores } => {
                let Some(answer) = self.answers.get_mut(choice) else { return Ok(()) };
                answer.scores.extend(scores);
                match part {
                    Part::Text(text) => answer.text.push_str(&text),
                    Part::Reasoning(text) => answer.reasoning.push_str(&text),
                    Part::Call(call) => answer.calls.push(call),
                }
            }
            TextEvent::Finished { choice, reason, tokens, reasoning_tokens, .. } => {
                self.usage.completion += tokens;
                self.usage.reasoning += reasoning_tokens;
                if let Some(answer) = self.answers.get_mut(choice) {
                    let calls = !answer.calls.is_empty() && reason == mlx_lm::FinishReason::Stop;
                    answer.reason = if calls { "tool_calls" } else { reason.name() };
                }
            }
            TextEvent::Failed(fault) => return Err(fault),
        }
        Ok(())
    }
}

impl Head {
    fn whole(&self, whole: &Whole) -> Value {
        let choices = whole.answers.iter().enumerate().map(|(index, answer)| {
            json!({
                "index": index,
                "message": message(answer),
                "logprobs": logprobs(&answer.scores),
                "finish_reason": answer.reason,
            })
        });
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": choices.collect::<Vec<_>>(),
            "usage": whole.usage.to_json(),
        })
    }
}

fn message(answer: &Answer) -> Value {
    let mut message = json!({"role": "assistant", "content": answer.text, "refusal": null});
    let Some(fields) = message.as_object_mut() else { return message };
    if !answer.reasoning.is_empty() {
        // By the names of vLLM and of mlx-lm.
        fields.insert("reasoning_content".into(), answer.reasoning.trim().into());
        fields.insert("reasoning".into(), answer.reasoning.trim().into());
    }
    if !answer.calls.is_empty() {
        if answer.text.trim().is_empty() {
            fields.insert("content".into(), Value::Null);
        }
        fields.insert("tool_calls".into(), answer.calls.iter().map(call).collect());
    }
    message
}

/// A call of a function, whose arguments are a text of JSON.
pub(super) fn call(call: &ToolCall) -> Value {
    let id = call.id.clone().unwrap_or_else(|| name("call_"));
    let arguments = Value::Object(call.arguments.clone()).to_string();
    json!({"id": id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

/// How likely the tokens of an answer were, if that was asked for.
fn logprobs(scores: &[TokenScore]) -> Value {
    if scores.is_empty() {
        return Value::Null;
    }
    json!({"content": scores.iter().map(score).collect::<Vec<_>>(), "refusal": null})
}
