//! One turn of a conversation.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// A message as chat templates and chat servers know it.
///
/// ```
/// use mlx_text::Message;
///
/// let json = r#"{"role":"assistant","content":null,"tool_calls":[]}"#;
/// let message: Message = serde_json::from_str(json)?;
/// assert_eq!(message.extra["tool_calls"], serde_json::json!([]));
/// assert_eq!(serde_json::to_string(&message)?, json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks: `system`, `user`, `assistant`, `tool` or what the template knows.
    pub role: String,
    /// The text, a list of parts, or JSON null; `None` leaves the key out.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub content: Option<Value>,
    /// Further fields such as `tool_calls`, handed to the template as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Message {
    /// A message of plain text.
    pub fn new(role: impl Into<String>, text: impl Into<String>) -> Self {
        Self { role: role.into(), content: Some(Value::String(text.into())), extra: Map::new() }
    }

    /// Instructions for the model.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new("system", text)
    }

    /// What the user says.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new("user", text)
    }

    /// What the model answered.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new("assistant", text)
    }
}

/// Keeps `null` apart from a missing key.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
