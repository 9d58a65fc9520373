//! The items that a conversation consists of.

use mlx_text::ToolCall;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::media::{Album, Shown};
use super::super::transcript::Transcript;
use crate::fault::Fault;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item {
    Message {
        role: Role,
        content: Content,
    },
    FunctionCall {
        call_id: String,
        name: String,
        arguments: String,
    },
    FunctionCallOutput {
        call_id: String,
        output: Content,
    },
    Reasoning {
        #[serde(default)]
        summary: Vec<Thought>,
        content: Option<Vec<Thought>>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    User,
    Assistant,
    System,
    Developer,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Value>),
}

#[derive(Deserialize)]
struct Thought {
    text: String,
}

/// A text as the item that it stands for.
pub(super) fn said(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": text})
}

/// Takes up an item.
pub(super) async fn read(
    item: &Value,
    album: &mut Album<'_>,
    transcript: &mut Transcript,
) -> Result<(), Fault> {
    match parse(item)? {
        Item::Message { role, content } => {
            for part in content.read(album).await? {
                transcript.say(role.name(), part);
            }
        }
        Item::FunctionCall { call_id, name, arguments } => {
            let wrong =
                |error| wrong(format!("the arguments of the call {call_id} are no JSON object: {error}"));
            let arguments = serde_json::from_str(&arguments).map_err(wrong)?;
            transcript.call(ToolCall { id: Some(call_id), name, arguments });
        }
        Item::FunctionCallOutput { call_id, output } => {
            result(&call_id, output.read(album).await?, transcript)?;
        }
        Item::Reasoning { summary, content } => {
            let thoughts = content.filter(|content| !content.is_empty()).unwrap_or(summary);
            thoughts.iter().for_each(|thought| transcript.think(&thought.text));
        }
    }
    Ok(())
}

fn parse(item: &Value) -> Result<Item, Fault> {
    let mut item = item.clone();
    if let Some(fields) = item.as_object_mut() {
        // Messages need not say that they are some.
        fields.entry("type").or_insert_with(|| "message".into());
    }
    serde_path_to_error::deserialize(&item).map_err(|error| wrong(format!("an item cannot be read: {error}")))
}

/// Takes up what a call gave. Its images are shown after it, since templates expect texts as results.
fn result(id: &str, parts: Vec<Shown>, transcript: &mut Transcript) -> Result<(), Fault> {
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Shown::Text(text) => texts.push(text),
            image @ Shown::Image(_) => images.push(image),
        }
    }
    let unknown =
        || wrong(format!("a function_call_output is for {id}, and no function_call has that call_id"));
    transcript.result(id, texts.join("\n")).ok_or_else(unknown)?;
    images.into_iter().for_each(|image| transcript.say("user", image));
    Ok(())
}

impl Role {
    fn name(&self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System | Self::Developer => "system",
        }
    }
}

impl Content {
    async fn read(self, album: &mut Album<'_>) -> Result<Vec<Shown>, Fault> {
        let parts = match self {
            Self::Text(text) => return Ok(vec![Shown::Text(text)]),
            Self::Parts(parts) => parts,
        };
        let mut shown = Vec::with_capacity(parts.len());
        for part in &parts {
            let refusal = part.get("refusal").and_then(Value::as_str);
            shown.push(match refusal {
                Some(text) => Shown::Text(text.to_owned()),
                None => album.read(part).await.map_err(|fault| wrong(fault.message))?,
            });
        }
        Ok(shown)
    }
}

fn wrong(message: String) -> Fault {
    Fault::field("input", message)
}
