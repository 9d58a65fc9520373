//! The blocks that messages consist of.

use mlx_text::ToolCall;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::media::{Album, Shown, encoded_image};
use super::super::transcript::Transcript;
use crate::fault::Fault;

/// What one side says.
#[derive(Deserialize)]
pub(super) struct Turn {
    role: Role,
    content: Content,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    User,
    Assistant,
    System,
}

/// A text, or blocks.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    // What is wrong with a block is only told when it is read by itself.
    Blocks(Vec<Value>),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        text: String,
    },
    Image {
        source: Source,
    },
    Document {
        source: Source,
    },
    Thinking {
        thinking: String,
    },
    RedactedThinking {},
    ToolUse {
        id: String,
        name: String,
        input: Map<String, Value>,
    },
    ToolResult {
        tool_use_id: String,
        content: Option<Content>,
        #[serde(default)]
        is_error: bool,
    },
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Source {
    Base64 { data: String },
    Url { url: String },
    Text { data: String },
}

impl Content {
    fn blocks(self) -> Result<Vec<Block>, Fault> {
        match self {
            Self::Text(text) => Ok(vec![Block::Text { text }]),
            Self::Blocks(blocks) => blocks.into_iter().map(block).collect(),
        }
    }

    /// The text of blocks that may hold nothing else.
    pub(super) fn text(self, param: &str) -> Result<String, Fault> {
        let texts = self.blocks()?.into_iter().map(|block| match block {
            Block::Text { text } => Ok(text),
            _ => Err(Fault::field(param, format!("{param} has a block that is no text"))),
        });
        Ok(texts.collect::<Result<Vec<_>, _>>()?.join("\n"))
    }
}

fn block(value: Value) -> Result<Block, Fault> {
    serde_path_to_error::deserialize(&value)
        .map_err(|error| Fault::field("messages", format!("a block of a message cannot be read: {error}")))
}

/// Takes up what one side says.
pub(super) async fn read(
    turn: Turn,
    album: &mut Album<'_>,
    transcript: &mut Transcript,
) -> Result<(), Fault> {
    let role = match turn.role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::System => "system",
    };
    for block in turn.content.blocks()? {
        match (block, turn.role) {
            (Block::Text { text }, _) => transcript.say(role, Shown::Text(text)),
            (Block::Image { source } | Block::Document { source }, Role::User) => {
                transcript.say(role, source.read(album).await?);
            }
            (Block::Thinking { thinking }, Role::Assistant) => transcript.think(&thinking),
            (Block::RedactedThinking {}, Role::Assistant) => {}
            (Block::ToolUse { id, name, input }, Role::Assistant) => {
                transcript.call(ToolCall { id: Some(id), name, arguments: input });
            }
            (Block::ToolResult { tool_use_id, content, is_error }, Role::User) => {
                result(&tool_use_id, content, is_error, album, transcript).await?;
            }
            _ => {
                let message = format!("a message of the role {role} has a block that is not for it");
                return Err(Fault::field("messages", message));
            }
        }
    }
    Ok(())
}

/// Takes up what a call gave. Its images are shown after it, since templates expect texts as results.
async fn result(
    id: &str,
    content: Option<Content>,
    is_error: bool,
    album: &mut Album<'_>,
    transcript: &mut Transcript,
) -> Result<(), Fault> {
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    for block in content.map(Content::blocks).transpose()?.unwrap_or_default() {
        match block {
            Block::Text { text } => texts.push(text),
            Block::Image { source } | Block::Document { source } => match source.read(album).await? {
                Shown::Text(text) => texts.push(text),
                image @ Shown::Image(_) => images.push(image),
            },
            _ => return Err(Fault::field("messages", "a tool_result has a block that is no text or image")),
        }
    }
    let text = texts.join("\n");
    let text = if is_error { format!("Error: {text}") } else { text };
    let unknown =
        || Fault::field("messages", format!("a tool_result is for {id}, and no tool_use has that id"));
    transcript.result(id, text).ok_or_else(unknown)?;
    images.into_iter().for_each(|image| transcript.say("user", image));
    Ok(())
}

impl Source {
    async fn read(self, album: &mut Album<'_>) -> Result<Shown, Fault> {
        Ok(match self {
            Self::Text { data } => Shown::Text(data),
            Self::Base64 { data } => Shown::Image(encoded_image(&data).await?),
            Self::Url { url } => Shown::Image(album.image(&url).await?),
        })
    }
}
