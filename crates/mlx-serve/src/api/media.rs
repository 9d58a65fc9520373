//! What messages show.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mlx_image::{Image, Opening};
use mlx_text::Message;
use mlx_vlm::Media;
use serde_json::{Value, json};

use crate::fault::Fault;

/// A message as OpenAI's clients send it, with what it shows: text alone becomes one text, and images become parts for
/// the chat template.
pub(super) fn turn(mut message: Message) -> Result<(Message, Vec<Media>), Fault> {
    if message.role == "developer" {
        message.role = "system".into();
    }
    read_calls(&mut message);
    let Some(Value::Array(parts)) = &message.content else { return Ok((message, Vec::new())) };
    let (mut kept, mut media) = (Vec::new(), Vec::new());
    for part in parts {
        match read(part)? {
            Shown::Text(text) => kept.push(json!({"type": "text", "text": text})),
            Shown::Image(image) => {
                kept.push(json!({"type": "image"}));
                media.push(Media::from(image));
            }
        }
    }
    message.content = Some(if media.is_empty() { joined(&kept).into() } else { kept.into() });
    Ok((message, media))
}

enum Shown {
    Text(String),
    Image(Image),
}

fn read(part: &Value) -> Result<Shown, Fault> {
    let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    match kind {
        "text" | "input_text" | "output_text" => {
            let text = text(part.get("text"));
            Ok(Shown::Text(text.ok_or_else(|| Fault::field("messages", "a part of text has no text"))?))
        }
        "image_url" | "input_image" => {
            let place = part.get("image_url");
            let url = place.and_then(|place| text(Some(place)).or_else(|| text(place.get("url"))));
            let url = url.ok_or_else(|| Fault::field("messages", "a part of an image has no image_url"))?;
            Ok(Shown::Image(image(&url)?))
        }
        other => {
            let message = format!("parts of the type {other:?} are not read: text and image_url are");
            Err(Fault::field("messages", message))
        }
    }
}

/// The image of a data URL.
pub(super) fn image(url: &str) -> Result<Image, Fault> {
    let wrong = |why: String| Fault::field("messages", format!("an image cannot be read: {why}"));
    let Some(data) = url.strip_prefix("data:") else {
        return Err(wrong("only data URLs are taken: send data:image/png;base64,...".into()));
    };
    let Some((_, encoded)) = data.split_once(";base64,") else {
        return Err(wrong("a data URL has no ;base64, part".into()));
    };
    let bytes = STANDARD.decode(encoded.trim()).map_err(|error| wrong(error.to_string()))?;
    Image::decode_with(&bytes, &Opening::default()).map_err(|error| wrong(error.to_string()))
}

fn joined(parts: &[Value]) -> String {
    parts.iter().filter_map(|part| part.get("text")?.as_str()).collect::<Vec<_>>().join("\n")
}

/// Arguments of calls are sent as texts, and templates expect objects.
fn read_calls(message: &mut Message) {
    let Some(calls) = message.extra.get_mut("tool_calls").and_then(Value::as_array_mut) else { return };
    for call in calls {
        let Some(arguments) = call.pointer_mut("/function/arguments") else { continue };
        if let Some(parsed) = arguments.as_str().and_then(|text| serde_json::from_str(text).ok()) {
            *arguments = parsed;
        }
    }
}
