//! What a request is told when it cannot be answered.

use axum::http::StatusCode;

/// Why a request is not answered.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// The field that is wrong.
    pub(crate) param: Option<String>,
    /// OpenAI's name for what is wrong.
    pub(crate) code: Option<&'static str>,
    /// Seconds after which it may work.
    pub(crate) retry_after: Option<u64>,
}

impl Fault {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), param: None, code: None, retry_after: None }
    }

    /// The request asks for what cannot be.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// A field of the request has a value that cannot be.
    pub(crate) fn field(param: &str, message: impl Into<String>) -> Self {
        Self { param: Some(param.to_owned()), ..Self::invalid(message) }
    }

    /// The server failed.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// There is too much to do.
    pub(crate) fn busy(message: impl Into<String>) -> Self {
        let fault = Self::new(StatusCode::TOO_MANY_REQUESTS, message);
        Self { retry_after: Some(1), code: Some("rate_limit_exceeded"), ..fault }
    }

    /// A model cannot be used now.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self { retry_after: Some(5), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, message) }
    }

    #[must_use]
    pub(crate) fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// OpenAI's and Anthropic's name for errors of this status.
    pub(crate) fn kind(&self) -> &'static str {
        match self.status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            503 => "overloaded_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        }
    }
}

/// What a model says of a request.
impl From<mlx_lm::Error> for Fault {
    fn from(error: mlx_lm::Error) -> Self {
        match error {
            mlx_lm::Error::Option { option, .. } => Self::field(option, error.to_string()),
            mlx_lm::Error::Prompt(_)
            | mlx_lm::Error::Grammar(_)
            | mlx_lm::Error::Shown(_)
            | mlx_lm::Error::Text(_) => Self::invalid(error.to_string()),
            _ => Self::internal(error.to_string()),
        }
    }
}

impl From<mlx_text::Error> for Fault {
    fn from(error: mlx_text::Error) -> Self {
        Self::invalid(error.to_string())
    }
}
