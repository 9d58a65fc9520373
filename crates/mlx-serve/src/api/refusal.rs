//! Faults as clients read them.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::fault::Fault;

impl Fault {
    /// The body of OpenAI's errors.
    pub(crate) fn to_openai(&self) -> Value {
        let Self { message, param, code, .. } = self;
        json!({"error": {"message": message, "type": self.kind(), "param": param, "code": code}})
    }

    /// The body of Anthropic's errors.
    pub(crate) fn to_anthropic(&self) -> Value {
        json!({"type": "error", "error": {"type": self.kind(), "message": self.message}})
    }

    /// A response of this body, and when to come again.
    pub(super) fn respond(&self, body: Value) -> Response {
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.respond(self.to_openai());
        response.extensions_mut().insert(self);
        response
    }
}

/// A response with the body that clients of its path expect of a fault.
pub(super) fn dressed(response: Response, path: &str) -> Response {
    let anthropic = path == "/v1/messages" || path.starts_with("/v1/messages/");
    match response.extensions().get::<Fault>().filter(|_| anthropic) {
        Some(fault) => fault.respond(fault.to_anthropic()),
        None => response,
    }
}

/// There is nothing of that name.
pub(super) async fn unknown(uri: Uri) -> Fault {
    Fault::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

/// It is asked for in another way.
pub(super) async fn other_method(uri: Uri) -> Fault {
    let message = format!("{} is not asked for by this method", uri.path());
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, message)
}
