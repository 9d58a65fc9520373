//! The fields of a request.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::text::Sampling;

/// The JSON object of a request, which is read part by part.
pub(super) struct Fields(Value);

impl Fields {
    /// The fields of one part. Others are left to the other parts.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_path_to_error::deserialize(&self.0).map_err(|error| {
            let path = error.path().to_string();
            let problem = error.inner().to_string();
            if path == "." {
                Fault::invalid(problem)
            } else {
                Fault::field(&path, format!("{path}: {problem}"))
            }
        })
    }

    /// A field, if it is there and not null.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Refuses what would change the answer and is not done here.
    pub(super) fn refuse(&self, fields: &[&str]) -> Result<(), Fault> {
        match fields.iter().find(|field| self.value(field).is_some()) {
            Some(field) => Err(Fault::field(field, format!("{field} is not supported: leave it out"))),
            None => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| Fault::invalid(format!("the body is not JSON: {error}")))?;
        if value.is_object() { Ok(Self(value)) } else { Err(Fault::invalid("the body is no JSON object")) }
    }
}

fn unread(rejection: BytesRejection) -> Fault {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than the server takes");
    }
    Fault::invalid(rejection.body_text())
}

/// One, or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    pub(super) fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// The fields of sampling, which all interfaces name alike.
#[derive(Deserialize)]
pub(super) struct SamplingFields {
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<i64>,
    min_p: Option<f64>,
    seed: Option<i64>,
    repetition_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    xtc_probability: Option<f64>,
    xtc_threshold: Option<f64>,
    logit_bias: Option<std::collections::BTreeMap<u32, f64>>,
}

impl From<SamplingFields> for Sampling {
    fn from(fields: SamplingFields) -> Self {
        Self {
            temperature: fields.temperature,
            top_p: fields.top_p,
            // Others write -1 for all.
            top_k: fields.top_k.map(|count| usize::try_from(count).unwrap_or(0)),
            min_p: fields.min_p,
            seed: fields.seed.map(i64::cast_unsigned),
            repetition_penalty: fields.repetition_penalty,
            presence_penalty: fields.presence_penalty,
            frequency_penalty: fields.frequency_penalty,
            xtc_probability: fields.xtc_probability,
            xtc_threshold: fields.xtc_threshold,
            logit_bias: fields.logit_bias.unwrap_or_default(),
        }
    }
}

/// How hard a model is to think, as variables of chat templates.
pub(super) fn effort(effort: Option<String>) -> Map<String, Value> {
    let mut variables = Map::new();
    if let Some(effort) = effort {
        variables.insert("enable_thinking".into(), (effort != "none").into());
        variables.insert("reasoning_effort".into(), effort.into());
    }
    variables
}

/// How an answer is to be sent.
#[derive(Deserialize)]
pub(super) struct StreamFields {
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

impl StreamFields {
    /// Whether the answer comes in pieces.
    pub(super) fn streams(&self) -> bool {
        self.stream == Some(true)
    }

    /// Whether what it cost is told at the end of a stream.
    pub(super) fn tells_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage == Some(true))
    }
}

#[cfg(test)]
impl From<Value> for Fields {
    fn from(value: Value) -> Self {
        Self(value)
    }
}
