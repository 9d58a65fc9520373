//! `/v1/models`: what is served.

use axum::Json;
use axum::extract::Path;
use serde_json::{Value, json};

use super::Shared;
use crate::catalogue::Entry;
use crate::fault::Fault;

/// All models.
pub(super) async fn list(house: Shared) -> Json<Value> {
    let models = house.catalogue.entries().iter().map(describe);
    Json(json!({"object": "list", "data": models.collect::<Vec<_>>()}))
}

/// One of them.
pub(super) async fn one(house: Shared, Path(name): Path<String>) -> Result<Json<Value>, Fault> {
    Ok(Json(describe(house.catalogue.get(&name)?)))
}

fn describe(entry: &Entry) -> Value {
    json!({
        "id": entry.name,
        "object": "model",
        "created": entry.created,
        "owned_by": "mlx",
        "task": entry.task.name(),
        "state": entry.shared().phase().name(),
    })
}
