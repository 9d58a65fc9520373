//! One turn of a conversation in which things are shown.

use mlx_text::Message;
use serde_json::{Value, json};

use crate::Media;

/// A message, and what is shown with it.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The message, whose content is a list of parts.
    pub message: Message,
    /// What is shown, in the order of the parts that stand for it.
    pub media: Vec<Media>,
}

impl Turn {
    /// What the user says.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new("user", text)
    }

    /// Instructions for the model.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new("system", text)
    }

    /// What the model answered.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new("assistant", text)
    }

    /// Text by anyone whom the chat template knows.
    pub fn new(role: impl Into<String>, text: impl Into<String>) -> Self {
        Self::from(Message::new(role, text))
    }

    /// This turn with an image or a video, which stands behind those that it has and before the text.
    #[must_use]
    pub fn with(mut self, media: impl Into<Media>) -> Self {
        let media = media.into();
        let kind = match &media {
            Media::Image(_) => "image",
            Media::Video(_) => "video",
        };
        let mut parts = match self.message.content.take() {
            Some(Value::Array(parts)) => parts,
            _ => Vec::new(),
        };
        parts.insert(self.media.len().min(parts.len()), json!({"type": kind}));
        self.message.content = Some(parts.into());
        self.media.push(media);
        self
    }
}

impl From<Message> for Turn {
    /// A message with which nothing is shown.
    fn from(message: Message) -> Self {
        Self { message: message.in_parts(), media: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use mlx_image::{Image, Size};

    use super::*;

    #[test]
    fn what_is_shown_stands_before_the_text_in_order() {
        let dot = Image::new(Size::square(1), vec![0; 3]).unwrap();
        let video = crate::Video { frames: vec![dot.clone()], interval: std::time::Duration::from_secs(1) };
        let turn = Turn::user("Which?").with(dot).with(video);
        let kinds = json!([{"type": "image"}, {"type": "video"}, {"type": "text", "text": "Which?"}]);
        assert_eq!(turn.message.content, Some(kinds));
        assert_eq!(turn.media.len(), 2);
    }
}
