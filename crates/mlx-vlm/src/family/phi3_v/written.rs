//! Messages for a chat template that takes texts alone.

use mlx_text::Message;
use serde_json::Value;

use crate::prompt::NUMBER;

/// What stands for an image in a text.
pub(super) const MARKER: &str = "<|image_{}|>";

/// Messages in parts as texts, in which images have numbers.
pub(super) fn texts(mut messages: Vec<Message>) -> Vec<Message> {
    let mut images = 0;
    for message in &mut messages {
        let Some(Value::Array(parts)) = &message.content else { continue };
        let mut text = String::new();
        for part in parts {
            if let Some(said) = part.get("text").and_then(Value::as_str) {
                text += said;
            } else {
                images += 1;
                text += &MARKER.replace(NUMBER, &images.to_string());
                text += "\n";
            }
        }
        message.content = Some(text.into());
    }
    messages
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn images_are_numbered_through_all_messages() {
        let image = json!({"type": "image"});
        let said = |text: &str| json!({"type": "text", "text": text});
        let message = |parts: Value| Message { content: Some(parts), ..Message::user("") };
        let found = texts(vec![
            message(json!([image, image, said("Which?")])),
            Message::assistant("One."),
            message(json!([image, said("And?")])),
        ]);
        let texts: Vec<_> = found.iter().filter_map(Message::text).collect();
        assert_eq!(texts, ["<|image_1|>\n<|image_2|>\nWhich?", "One.", "<|image_3|>\nAnd?"]);
    }
}
