//! Faults as OpenAI's clients read them.

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
        self.respond(self.to_openai())
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
