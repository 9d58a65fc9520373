//! The interfaces: one file for each, and what they share.

mod audio;
mod chat;
mod completions;
mod embeddings;
mod fields;
mod guard;
mod health;
mod media;
mod messages;
mod models;
mod passages;
mod refusal;
mod rerank;
mod responses;
mod stream;
mod tokens;
mod tools;
mod transcript;
mod usage;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

use self::responses::Store;
use crate::catalogue::Catalogue;
use crate::metrics::Metrics;
use crate::options::ServerOptions;
use crate::remote::Remote;

/// All that requests are answered with.
pub(crate) struct House {
    pub(crate) catalogue: Catalogue,
    pub(crate) metrics: Metrics,
    pub(crate) options: ServerOptions,
    /// What fetches images, where that is allowed.
    pub(crate) remote: Option<Remote>,
    /// Answers that requests may go on from.
    pub(crate) responses: Arc<Store>,
}

/// What handlers get of it.
pub(crate) type Shared = axum::extract::State<Arc<House>>;

/// All ways of the server.
pub(crate) fn router(house: Arc<House>) -> Router {
    let limit = DefaultBodyLimit::max(house.options.limits.body);
    let guarded = middleware::from_fn_with_state(Arc::clone(&house), guard::guard);
    let ways = Router::new()
        .route("/v1/chat/completions", post(chat::answer))
        .route("/v1/completions", post(completions::answer))
        .route("/v1/responses", post(responses::answer))
        .route("/v1/responses/{id}", get(responses::one).delete(responses::forget))
        .route("/v1/messages", post(messages::answer))
        .route("/v1/messages/count_tokens", post(messages::count))
        .route("/v1/embeddings", post(embeddings::answer))
        .route("/v1/rerank", post(rerank::answer))
        .route("/v1/audio/transcriptions", post(audio::transcribe))
        .route("/v1/audio/translations", post(audio::translate))
        .route("/v1/audio/speech", post(audio::speak))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*name}", get(models::one))
        .route("/tokenize", post(tokens::tokenize))
        .route("/detokenize", post(tokens::detokenize))
        .route("/health", get(health::health))
        .route("/metrics", get(health::metrics));
    ways.fallback(refusal::unknown)
        .method_not_allowed_fallback(refusal::other_method)
        .layer(limit)
        .layer(guarded)
        .layer(guard::origins(&house.options.allowed_origins))
        .with_state(house)
}
