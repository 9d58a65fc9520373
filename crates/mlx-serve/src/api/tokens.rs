//! `/tokenize` and `/detokenize`: how a model reads texts.

use axum::Json;
use mlx_text::Message;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::Shared;
use super::fields::Fields;
use super::media::Album;
use super::stream::lost;
use crate::fault::Fault;
use crate::text::{Ask, Conversation, TextJob};

#[derive(Deserialize)]
struct TokenizeFields {
    model: Option<String>,
    prompt: Option<String>,
    messages: Option<Vec<Message>>,
    tools: Option<Value>,
}

#[derive(Deserialize)]
struct DetokenizeFields {
    model: Option<String>,
    tokens: Vec<u32>,
}

/// The tokens of a text or of a conversation.
pub(super) async fn tokenize(house: Shared, fields: Fields) -> Result<Json<Value>, Fault> {
    let fields: TokenizeFields = fields.read()?;
    let (_, engine) = house.catalogue.writer(fields.model.as_deref())?;
    let ask = match (fields.prompt, fields.messages) {
        (Some(prompt), None) => Ask::Text(prompt),
        (None, Some(messages)) => {
            let turns = Album::new(&house).turns(messages).await?;
            Ask::Conversation(Box::new(Conversation {
                turns,
                tools: fields.tools,
                ..Conversation::default()
            }))
        }
        _ => return Err(Fault::field("prompt", "give either prompt or messages")),
    };
    let (answer, tokens) = oneshot::channel();
    engine.submit(TextJob::Tokens(ask, answer))?;
    let tokens = tokens.await.map_err(|_| lost())??;
    Ok(Json(json!({"tokens": tokens.ids, "count": tokens.ids.len(), "max_model_len": tokens.context})))
}

/// The text of tokens.
pub(super) async fn detokenize(house: Shared, fields: Fields) -> Result<Json<Value>, Fault> {
    let fields: DetokenizeFields = fields.read()?;
    let (_, engine) = house.catalogue.writer(fields.model.as_deref())?;
    let (answer, text) = oneshot::channel();
    engine.submit(TextJob::Text(fields.tokens, answer))?;
    let text = text.await.map_err(|_| lost())??;
    Ok(Json(json!({"prompt": text})))
}
