//! `/v1/embeddings`.

use axum::Json;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::Shared;
use super::fields::{Fields, OneOrMany};
use super::stream::lost;
use crate::catalogue::Kind;
use crate::fault::Fault;
use crate::vectors::EmbedJob;

/// The most texts of one request.
const MOST_TEXTS: usize = 2048;

#[derive(Deserialize)]
struct EmbeddingFields {
    model: Option<String>,
    input: OneOrMany<String>,
    encoding_format: Option<Encoding>,
    dimensions: Option<usize>,
    /// The name of the prompt that goes before each text, such as `query`.
    prompt_name: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Float,
    /// Little-endian float32.
    Base64,
}

/// Vectors of texts.
pub(super) async fn answer(house: Shared, fields: Fields) -> Result<Json<Value>, Fault> {
    let fields: EmbeddingFields = fields.read()?;
    let (entry, engine) = house.catalogue.find(fields.model.as_deref(), "make vectors", Kind::embeds)?;
    let texts = fields.input.into_vec();
    if texts.is_empty() || texts.len() > MOST_TEXTS || texts.iter().any(String::is_empty) {
        let message = format!("input must hold between 1 and {MOST_TEXTS} texts, none of them empty");
        return Err(Fault::field("input", message));
    }
    let (answer, embedded) = oneshot::channel();
    let (prompt, dimensions) = (fields.prompt_name, fields.dimensions);
    engine.submit(EmbedJob { texts, prompt, dimensions, answer })?;
    let embedded = embedded.await.map_err(|_| lost())??;
    let encoding = fields.encoding_format.unwrap_or_default();
    let data = embedded.vectors.iter().enumerate().map(
        |(index, vector)| json!({"object": "embedding", "index": index, "embedding": encoding.of(vector)}),
    );
    Ok(Json(json!({
        "object": "list",
        "model": entry.name,
        "data": data.collect::<Vec<_>>(),
        "usage": {"prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens},
    })))
}

impl Encoding {
    fn of(self, vector: &[f32]) -> Value {
        match self {
            Self::Float => json!(vector),
            Self::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                STANDARD.encode(bytes).into()
            }
        }
    }
}
