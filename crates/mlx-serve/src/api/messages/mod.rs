//! `/v1/messages`: Anthropic's interface.

mod blocks;
mod narrator;
mod request;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use self::narrator::Telling;
use super::Shared;
use super::fields::{Fields, StreamFields};
use super::media::Album;
use super::stream::{begin, hear, lost, respond};
use crate::fault::Fault;
use crate::text::{Ask, TextJob};

/// Answers a conversation.
pub(super) async fn answer(house: Shared, fields: Fields) -> Result<Response, Fault> {
    let streaming: StreamFields = fields.read()?;
    let (reply, mut events) = mpsc::unbounded_channel();
    let (model, write) = request::read(&fields, &mut Album::new(&house), reply).await?;
    let (entry, engine) = house.catalogue.writer(model.as_deref())?;
    engine.submit(TextJob::Write(Box::new(write)))?;
    let first = begin(&mut events).await?;
    let telling = Telling::new(entry.name.clone());
    if streaming.streams() {
        return Ok(respond(first, events, telling));
    }
    let told = hear(first, events, telling).await?;
    Ok(Json(told.message()).into_response())
}

/// How many tokens a conversation has.
pub(super) async fn count(house: Shared, fields: Fields) -> Result<Json<Value>, Fault> {
    let (model, conversation) = request::conversation(&fields, &mut Album::new(&house)).await?;
    let (_, engine) = house.catalogue.writer(model.as_deref())?;
    let (answer, tokens) = oneshot::channel();
    engine.submit(TextJob::Tokens(Ask::Conversation(Box::new(conversation)), answer))?;
    let tokens = tokens.await.map_err(|_| lost())??;
    Ok(Json(json!({"input_tokens": tokens.ids.len()})))
}
