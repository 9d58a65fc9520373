//! `/health`, which asks every engine, and `/metrics`.

use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use mlx_memory::Usage;
use serde_json::{Map, Value, json};

use super::Shared;
use crate::catalogue::Entry;
use crate::engine::Phase;

/// Whether every engine comes round to answering, and what it is doing.
pub(super) async fn health(house: Shared) -> Response {
    let checked =
        join_all(house.catalogue.entries().iter().map(|entry| check(entry, house.options.limits.probe)))
            .await;
    let well = checked.iter().all(|(well, _)| *well);
    let models: Map<_, _> = house
        .catalogue
        .entries()
        .iter()
        .map(|entry| entry.name.clone())
        .zip(checked.into_iter().map(|(_, one)| one))
        .collect();
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if well { "ok" } else { "failing" };
    (status, Json(json!({"status": word, "models": models}))).into_response()
}

/// Whether an engine is well, and what it is doing.
async fn check(entry: &Entry, patience: Duration) -> (bool, Value) {
    let shared = entry.shared();
    let phase = shared.phase();
    // A thread that loads answers when it has loaded.
    let answers =
        phase == Phase::Loading || matches!(tokio::time::timeout(patience, entry.ping()).await, Ok(Ok(())));
    let state = if answers { phase.name() } else { "stuck" };
    let mut one = json!({
        "state": state,
        "running": shared.running(),
        "waiting": shared.waiting(),
        "restarts": shared.restarts(),
    });
    if let (Phase::Failed(why), Some(fields)) = (&phase, one.as_object_mut()) {
        fields.insert("error".into(), why.as_str().into());
    }
    (answers && !matches!(phase, Phase::Failed(_) | Phase::Closed), one)
}

/// What is counted, for Prometheus.
pub(super) async fn metrics(house: Shared) -> impl IntoResponse {
    for entry in house.catalogue.entries() {
        let shared = entry.shared();
        house.metrics.of(&entry.name).load(shared.running(), shared.waiting(), shared.restarts());
    }
    if let Ok(usage) = Usage::now() {
        house.metrics.memory(usage.active.get());
    }
    (
        [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")],
        house.metrics.text(),
    )
}
