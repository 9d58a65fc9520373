//! `/v1/completions`: the text that follows a text.

use std::collections::HashMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Shared;
use super::chat::{Answer, choices, collect};
use super::fields::{Fields, OneOrMany, SamplingFields, StreamFields};
use super::stream::{Frame, Narrator, begin, respond};
use super::usage::{MOST_LOGPROBS, Usage, name, now};
use crate::fault::Fault;
use crate::text::{Ask, Form, Part, Reply, TextEvent, TextJob, TokenScore, Write};

/// What OpenAI has and is not done here.
const REFUSED: &[&str] = &["suffix"];
/// The most prompts of one request.
const MOST_PROMPTS: usize = 128;
/// As many new tokens as OpenAI writes where the request does not say.
const TOKENS: usize = 16;

#[derive(Deserialize)]
struct CompletionFields {
    model: Option<String>,
    prompt: Prompt,
    max_tokens: Option<usize>,
    n: Option<usize>,
    best_of: Option<usize>,
    echo: Option<bool>,
    stop: Option<OneOrMany<String>>,
    logprobs: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Prompt {
    Text(String),
    Tokens(Vec<u32>),
    Texts(Vec<String>),
    Many(Vec<Vec<u32>>),
}

impl Default for Prompt {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Prompt {
    fn asks(self) -> Vec<Ask> {
        match self {
            Self::Text(text) => vec![Ask::Text(text)],
            Self::Tokens(tokens) => vec![Ask::Tokens(tokens)],
            Self::Texts(texts) => texts.into_iter().map(Ask::Text).collect(),
            Self::Many(many) => many.into_iter().map(Ask::Tokens).collect(),
        }
    }
}

/// Continues one text or several.
pub(super) async fn answer(house: Shared, fields: Fields) -> Result<Response, Fault> {
    fields.refuse(REFUSED)?;
    let (mut completion, streaming): (CompletionFields, StreamFields) = (fields.read()?, fields.read()?);
    let (entry, engine) = house.catalogue.writer(completion.model.as_deref())?;
    let n = completion.checked()?;
    let head = Head { id: name("cmpl-"), created: now(), model: entry.name.clone() };
    let mut asks = std::mem::take(&mut completion.prompt).asks();
    if asks.is_empty() || asks.len() > MOST_PROMPTS {
        return Err(Fault::field("prompt", format!("there must be between 1 and {MOST_PROMPTS} prompts")));
    }
    let submit = |ask| {
        let (reply, events) = mpsc::unbounded_channel();
        let write = completion.write(ask, fields.read::<SamplingFields>()?, n, reply);
        engine.submit(TextJob::Write(Box::new(write)))?;
        Ok::<_, Fault>(events)
    };
    if streaming.streams() {
        let (Some(ask), true) = (asks.pop(), asks.is_empty()) else {
            return Err(Fault::field("prompt", "a stream has one prompt"));
        };
        if completion.echo == Some(true) {
            return Err(Fault::field("echo", "echo is not supported in a stream: leave it out"));
        }
        let mut events = submit(ask)?;
        let first = begin(&mut events).await?;
        return Ok(respond(first, events, Telling::new(head, n, streaming.tells_usage())));
    }
    let before = asks.iter().map(|ask| completion.before(ask)).collect::<Result<Vec<_>, _>>()?;
    // All are in the queue before the first is waited for, so that they are written together.
    let begun = asks.into_iter().map(submit).collect::<Result<Vec<_>, _>>()?;
    let (mut usage, mut choices) = (Usage::default(), Vec::new());
    for (before, mut events) in before.iter().zip(begun) {
        let first = begin(&mut events).await?;
        let whole = collect(first, events, n).await?;
        for answer in &whole.answers {
            choices.push(choice(choices.len(), before, answer));
        }
        usage += whole.usage;
    }
    Ok(Json(head.frame(&json!(choices), Some(&usage.to_json()))).into_response())
}

impl CompletionFields {
    /// How many continuations are wanted of each prompt, if all else is in its range.
    fn checked(&self) -> Result<usize, Fault> {
        let n = choices(self.n)?;
        if self.best_of.is_some_and(|best| best != n) {
            return Err(Fault::field("best_of", "best_of other than n is not supported: leave it out"));
        }
        if self.logprobs.is_some_and(|count| count > MOST_LOGPROBS) {
            return Err(Fault::field("logprobs", format!("logprobs must be at most {MOST_LOGPROBS}")));
        }
        Ok(n)
    }

    /// What stands before a continuation.
    fn before(&self, ask: &Ask) -> Result<String, Fault> {
        match ask {
            Ask::Text(text) if self.echo == Some(true) => Ok(text.clone()),
            _ if self.echo == Some(true) => Err(Fault::field("echo", "echo needs prompts of text")),
            _ => Ok(String::new()),
        }
    }

    fn write(&self, ask: Ask, sampling: SamplingFields, choices: usize, reply: Reply) -> Write {
        Write {
            ask,
            sampling: sampling.into(),
            max_tokens: Some(self.max_tokens.unwrap_or(TOKENS)),
            stop: self.stop.clone().map(OneOrMany::into_vec).unwrap_or_default(),
            logprobs: self.logprobs,
            choices,
            form: Form::Free,
            reply,
        }
    }
}

struct Head {
    id: String,
    created: u64,
    model: String,
}

impl Head {
    fn frame(&self, choices: &Value, usage: Option<&Value>) -> Value {
        let mut frame = json!({
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        });
        if let Some((fields, usage)) = frame.as_object_mut().zip(usage) {
            fields.insert("usage".into(), usage.clone());
        }
        frame
    }
}

fn choice(index: usize, before: &str, answer: &Answer) -> Value {
    json!({
        "index": index,
        "text": format!("{before}{}", answer.text),
        "logprobs": logprobs(&answer.scores, before.chars().count()),
        "finish_reason": answer.reason,
    })
}

/// How likely the tokens were, in lists, as completions have them; the first stands after so many characters.
fn logprobs(scores: &[TokenScore], mut offset: usize) -> Value {
    if scores.is_empty() {
        return Value::Null;
    }
    let offsets: Vec<_> = scores
        .iter()
        .map(|score| {
            offset += score.text().chars().count();
            offset - score.text().chars().count()
        })
        .collect();
    let top = |score: &TokenScore| -> HashMap<String, f32> {
        score.top.iter().map(|other| (other.text(), other.logprob)).collect()
    };
    json!({
        "tokens": scores.iter().map(TokenScore::text).collect::<Vec<_>>(),
        "token_logprobs": scores.iter().map(|score| score.logprob).collect::<Vec<_>>(),
        "top_logprobs": scores.iter().map(top).collect::<Vec<_>>(),
        "text_offset": offsets,
    })
}

/// Tells completions piece by piece.
struct Telling {
    head: Head,
    /// How many characters the tokens of each answer have so far.
    lengths: Vec<usize>,
    left: usize,
    usage: Usage,
    tells_usage: bool,
    failed: bool,
}

impl Telling {
    fn new(head: Head, choices: usize, tells_usage: bool) -> Self {
        let lengths = vec![0; choices];
        Self { head, lengths, left: choices, usage: Usage::default(), tells_usage, failed: false }
    }

    fn chunk(&mut self, index: usize, text: &str, scores: &[TokenScore], reason: Option<&str>) -> Frame {
        let before = self.lengths.get(index).copied().unwrap_or_default();
        if let Some(length) = self.lengths.get_mut(index) {
            *length += scores.iter().map(|score| score.text().chars().count()).sum::<usize>();
        }
        let choices = json!([{
            "index": index,
            "text": text,
            "logprobs": logprobs(scores, before),
            "finish_reason": reason,
        }]);
        Frame::Data(self.head.frame(&choices, self.tells_usage.then_some(&Value::Null)))
    }
}

impl Narrator for Telling {
    fn tell(&mut self, event: TextEvent) -> Vec<Frame> {
        match event {
            TextEvent::Read { prompt_tokens, cached_tokens } => {
                (self.usage.prompt, self.usage.cached) = (prompt_tokens, cached_tokens);
                Vec::new()
            }
            TextEvent::Part { choice, part: Part::Text(text), scores } => {
                vec![self.chunk(choice, &text, &scores, None)]
            }
            TextEvent::Progress { processed, total } => vec![Frame::progress(processed, total)],
            TextEvent::Part { .. } => Vec::new(),
            TextEvent::Finished { choice, reason, tokens, .. } => {
                self.usage.completion += tokens;
                self.left = self.left.saturating_sub(1);
                let mut frames = vec![self.chunk(choice, "", &[], Some(reason.name()))];
                if self.left == 0 {
                    let usage = self.usage.to_json();
                    let last =
                        self.tells_usage.then(|| Frame::Data(self.head.frame(&json!([]), Some(&usage))));
                    frames.extend(last.into_iter().chain([Frame::Done]));
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
