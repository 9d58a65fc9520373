//! `/v1/responses`: OpenAI's other interface, which can remember what it answered.

mod items;
mod narrator;
mod request;
mod store;

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::narrator::{Head, Telling};
pub(crate) use self::store::Store;
use super::Shared;
use super::fields::{Fields, StreamFields};
use super::media::Album;
use super::stream::{begin, hear, respond};
use super::usage::now;
use crate::fault::Fault;
use crate::text::TextJob;

/// Answers a text or a list of items.
pub(super) async fn answer(house: Shared, fields: Fields) -> Result<Response, Fault> {
    let streaming: StreamFields = fields.read()?;
    let (reply, mut events) = mpsc::unbounded_channel();
    let asked = request::read(&fields, &mut Album::new(&house), &house.responses, reply).await?;
    let (entry, engine) = house.catalogue.writer(asked.model.as_deref())?;
    engine.submit(TextJob::Write(Box::new(asked.write)))?;
    let first = begin(&mut events).await?;
    let head = Head { id: store::name(), created: now(), model: entry.name.clone(), echo: asked.echo };
    let mut telling = Telling::new(head);
    if asked.keep {
        let responses = Arc::clone(&house.responses);
        telling = telling.keep(move |response, output| responses.put(response, &asked.items, output));
    }
    if streaming.streams() {
        return Ok(respond(first, events, telling));
    }
    let told = hear(first, events, telling).await?;
    Ok(Json(told.response()).into_response())
}

/// An answer of before.
pub(super) async fn one(house: Shared, Path(id): Path<String>) -> Result<Json<Value>, Fault> {
    let record = house.responses.get(&id).ok_or_else(|| unknown(&id))?;
    Ok(Json(record.response.clone()))
}

/// Forgets an answer.
pub(super) async fn forget(house: Shared, Path(id): Path<String>) -> Result<Json<Value>, Fault> {
    if house.responses.remove(&id) {
        Ok(Json(json!({"id": id, "object": "response", "deleted": true})))
    } else {
        Err(unknown(&id))
    }
}

fn unknown(id: &str) -> Fault {
    let message = format!("the response {id} is not remembered: only the last ones are");
    Fault::new(StatusCode::NOT_FOUND, message).code("response_not_found")
}
