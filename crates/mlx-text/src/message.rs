//! One turn of a conversation.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::ToolCall;

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

    /// What a function that the model called gave.
    ///
    /// ```
    /// use mlx_text::{Message, ToolCall};
    ///
    /// let call = ToolCall { id: Some("call00001".into()), name: "now".into(), arguments: Default::default() };
    /// let result = Message::tool(&call, "12:30");
    /// assert_eq!(result.extra["tool_call_id"], "call00001");
    /// ```
    pub fn tool(call: &ToolCall, result: impl Into<String>) -> Self {
        let mut message = Self::new("tool", result);
        if let Some(id) = &call.id {
            message.extra.insert("tool_call_id".into(), id.as_str().into());
        }
        message.extra.insert("name".into(), call.name.as_str().into());
        message
    }

    /// This message with calls of functions, as chat templates expect them: arguments are objects.
    #[must_use]
    pub fn with_tool_calls(mut self, calls: &[ToolCall]) -> Self {
        if !calls.is_empty() {
            self.extra.insert("tool_calls".into(), calls.iter().map(call_value).collect());
        }
        self
    }

    /// This message with the reasoning that led to it, which templates know by either of two names.
    #[must_use]
    pub fn with_reasoning(mut self, text: &str) -> Self {
        for key in ["reasoning_content", "thinking"].into_iter().filter(|_| !text.is_empty()) {
            self.extra.insert(key.into(), text.into());
        }
        self
    }

    /// This message with its text as the only one of a list of parts, which is how templates of models that see expect
    /// it; what a function gave stays as it is.
    ///
    /// ```
    /// use mlx_text::Message;
    ///
    /// let parts = Message::user("Hi").in_parts();
    /// assert_eq!(parts.content, Some(serde_json::json!([{"type": "text", "text": "Hi"}])));
    /// ```
    #[must_use]
    pub fn in_parts(mut self) -> Self {
        if let Some(text) = self.text().filter(|_| self.role != "tool") {
            self.content = Some(json!([{"type": "text", "text": text}]));
        }
        self
    }

    /// This message as one text, in which `image` stands for each part that shows an image, before the texts.
    pub(crate) fn written(&self, image: &str) -> Self {
        let Some(Value::Array(parts)) = &self.content else { return self.clone() };
        let kind = |part: &Value, name: &str| part.get("type").and_then(Value::as_str) == Some(name);
        let mut text = image.repeat(parts.iter().filter(|part| kind(part, "image")).count());
        parts.iter().filter_map(|part| part.get("text")?.as_str()).for_each(|part| text.push_str(part));
        Self { content: Some(text.into()), ..self.clone() }
    }

    /// The content, where it is one text.
    pub fn text(&self) -> Option<&str> {
        self.content.as_ref()?.as_str()
    }
}

impl From<&str> for Message {
    /// What the user says.
    fn from(text: &str) -> Self {
        Self::user(text)
    }
}

impl From<String> for Message {
    /// What the user says.
    fn from(text: String) -> Self {
        Self::user(text)
    }
}

fn call_value(call: &ToolCall) -> Value {
    let mut value = json!({"type": "function", "function": {"name": call.name, "arguments": call.arguments}});
    if let (Some(id), Some(map)) = (&call.id, value.as_object_mut()) {
        map.insert("id".into(), id.as_str().into());
    }
    value
}

/// Keeps `null` apart from a missing key.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
