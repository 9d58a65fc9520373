//! What messages show.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mlx_image::{Image, Opening};
use mlx_text::Message;
use mlx_vlm::Media;
use serde_json::{Value, json};

use super::House;
use crate::fault::Fault;
use crate::remote::Remote;

/// The most images of one request that are fetched.
const MOST_FETCHED: usize = 16;

/// A message with what it shows.
pub(super) type Turn = (Message, Vec<Media>);

/// A part of a message.
#[derive(Debug)]
pub(super) enum Shown {
    Text(String),
    Image(Image),
}

/// The images of one request.
pub(super) struct Album<'h> {
    remote: Option<&'h Remote>,
    /// How many may still be fetched, and their bytes.
    left: (usize, usize),
}

impl<'h> Album<'h> {
    pub(super) fn new(house: &'h House) -> Self {
        Self { remote: house.remote.as_ref(), left: (MOST_FETCHED, house.options.limits.body) }
    }

    /// One that fetches nothing.
    #[cfg(test)]
    pub(super) fn local() -> Self {
        Self { remote: None, left: (0, 0) }
    }

    /// Messages as OpenAI's clients send them, with what they show.
    pub(super) async fn turns(&mut self, messages: Vec<Message>) -> Result<Vec<Turn>, Fault> {
        let mut turns = Vec::with_capacity(messages.len());
        for message in messages {
            turns.push(self.turn(message).await?);
        }
        Ok(turns)
    }

    async fn turn(&mut self, mut message: Message) -> Result<Turn, Fault> {
        if message.role == "developer" {
            message.role = "system".into();
        }
        read_calls(&mut message);
        let Some(Value::Array(parts)) = &message.content else { return Ok((message, Vec::new())) };
        let mut shown = Vec::with_capacity(parts.len());
        for part in parts {
            shown.push(self.read(part).await?);
        }
        let (content, media) = together(shown);
        message.content = Some(content);
        Ok((message, media))
    }

    /// A part as OpenAI's clients send it.
    pub(super) async fn read(&mut self, part: &Value) -> Result<Shown, Fault> {
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
                let url =
                    url.ok_or_else(|| Fault::field("messages", "a part of an image has no image_url"))?;
                Ok(Shown::Image(self.image(&url).await?))
            }
            other => {
                let message = format!("parts of the type {other:?} are not read: text and image_url are");
                Err(Fault::field("messages", message))
            }
        }
    }

    /// The image of a URL.
    pub(super) async fn image(&mut self, url: &str) -> Result<Image, Fault> {
        if url.starts_with("http://") || url.starts_with("https://") {
            return decode(self.fetch(url).await?).await;
        }
        let Some(data) = url.strip_prefix("data:") else {
            return Err(unread("only data URLs are taken: send data:image/png;base64,..."));
        };
        let Some((_, encoded)) = data.split_once(";base64,") else {
            return Err(unread("a data URL has no ;base64, part"));
        };
        encoded_image(encoded).await
    }

    async fn fetch(&mut self, url: &str) -> Result<Vec<u8>, Fault> {
        let Some(remote) = self.remote else {
            return Err(unread("addresses are not fetched here: send data:image/png;base64,..."));
        };
        let (images, bytes) = self.left;
        if images == 0 {
            return Err(unread(&format!("at most {MOST_FETCHED} are fetched for one request")));
        }
        let fetched = remote.fetch(url, bytes).await?;
        self.left = (images - 1, bytes.saturating_sub(fetched.len()));
        Ok(fetched)
    }
}

/// The image of bytes in base 64.
pub(super) async fn encoded_image(encoded: &str) -> Result<Image, Fault> {
    let bytes = STANDARD.decode(encoded.trim()).map_err(|error| unread(&error.to_string()))?;
    decode(bytes).await
}

async fn decode(bytes: Vec<u8>) -> Result<Image, Fault> {
    // A large one takes longer than others are to wait.
    let decoding = tokio::task::spawn_blocking(move || Image::decode_with(&bytes, &Opening::default()));
    let decoded = decoding.await.map_err(|_| unread("its decoder failed"))?;
    decoded.map_err(|error| unread(&error.to_string()))
}

fn unread(why: &str) -> Fault {
    Fault::field("messages", format!("an image cannot be read: {why}"))
}

/// The content of a message: text alone becomes one text, and images become parts for the chat template.
pub(super) fn together(parts: Vec<Shown>) -> (Value, Vec<Media>) {
    let (mut kept, mut media) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Shown::Text(text) => kept.push(json!({"type": "text", "text": text})),
            Shown::Image(image) => {
                kept.push(json!({"type": "image"}));
                media.push(Media::from(image));
            }
        }
    }
    let content = if media.is_empty() { joined(&kept).into() } else { kept.into() };
    (content, media)
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
