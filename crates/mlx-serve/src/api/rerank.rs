//! `/v1/rerank`: texts by how well they answer, in the form of Jina and Cohere.

use axum::Json;
use mlx_embed::rerank::RankOptions;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::Shared;
use super::fields::Fields;
use super::stream::lost;
use crate::catalogue::Kind;
use crate::fault::Fault;
use crate::vectors::RankJob;

/// The most texts of one request.
const MOST_TEXTS: usize = 2048;

#[derive(Deserialize)]
struct RankFields {
    model: Option<String>,
    query: String,
    documents: Vec<Document>,
    top_n: Option<usize>,
    return_documents: Option<bool>,
    instruction: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    Text(String),
    Object { text: String },
}

/// Ranks texts.
pub(super) async fn answer(house: Shared, fields: Fields) -> Result<Json<Value>, Fault> {
    let fields: RankFields = fields.read()?;
    let (entry, engine) = house.catalogue.find(fields.model.as_deref(), "rank texts", Kind::ranks)?;
    if fields.documents.is_empty() || fields.documents.len() > MOST_TEXTS {
        return Err(Fault::field("documents", format!("there must be between 1 and {MOST_TEXTS} documents")));
    }
    let documents: Vec<_> = fields
        .documents
        .into_iter()
        .map(|document| match document {
            Document::Text(text) | Document::Object { text } => text,
        })
        .collect();
    let options =
        RankOptions { top_k: fields.top_n, instruction: fields.instruction, ..RankOptions::default() };
    let (answer, ranked) = oneshot::channel();
    engine.submit(RankJob { query: fields.query, documents: documents.clone(), options, answer })?;
    let ranked = ranked.await.map_err(|_| lost())??;
    let shown = fields.return_documents == Some(true);
    let results = ranked.iter().map(|one| {
        let mut result = json!({"index": one.index, "relevance_score": one.score});
        if let Some((fields, text)) = result.as_object_mut().zip(documents.get(one.index)).filter(|_| shown) {
            fields.insert("document".into(), json!({"text": text}));
        }
        result
    });
    Ok(Json(json!({"object": "list", "model": entry.name, "results": results.collect::<Vec<_>>()})))
}
