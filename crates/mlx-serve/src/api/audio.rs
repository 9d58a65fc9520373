//! `/v1/audio`: words of sound, and sound of words.

use axum::Json;
use axum::extract::Multipart;
use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use mlx_audio::kokoro::{Kokoro, SpeakOptions};
use mlx_audio::phonemes::Language;
use mlx_audio::transcript::{Format, Transcript};
use mlx_audio::whisper::Task;
use mlx_audio::{RecognizeOptions, WavEncoder, WavFormat};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Shared;
use super::fields::Fields;
use super::stream::lost;
use crate::catalogue::Kind;
use crate::fault::Fault;
use crate::speech::{HearJob, Heard, SpeakJob};

/// What is said in a file.
pub(super) async fn transcribe(house: Shared, form: Opened) -> Result<Response, Fault> {
    hear(&house, Form::read(form).await?, Task::Transcribe).await
}

/// What is said in a file, in English.
pub(super) async fn translate(house: Shared, form: Opened) -> Result<Response, Fault> {
    hear(&house, Form::read(form).await?, Task::Translate).await
}

/// A form, if the request has one.
type Opened = Result<Multipart, MultipartRejection>;

/// The fields of a form.
#[derive(Default)]
struct Form {
    file: Option<Vec<u8>>,
    model: Option<String>,
    language: Option<String>,
    prompt: Option<String>,
    response_format: Option<String>,
    temperature: Option<f32>,
    words: bool,
}

impl Form {
    async fn read(multipart: Opened) -> Result<Self, Fault> {
        let mut multipart = multipart.map_err(|error| Fault::invalid(error.body_text()))?;
        let mut form = Self::default();
        while let Some(field) = multipart.next_field().await.map_err(|error| unread(&error))? {
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                form.file = Some(field.bytes().await.map_err(|error| unread(&error))?.to_vec());
                continue;
            }
            let value = field.text().await.map_err(|error| unread(&error))?;
            form.take(&name, value)?;
        }
        Ok(form)
    }

    fn take(&mut self, name: &str, value: String) -> Result<(), Fault> {
        match name {
            "model" => self.model = Some(value),
            "language" => self.language = Some(value).filter(|language| !language.is_empty()),
            "prompt" => self.prompt = Some(value).filter(|prompt| !prompt.is_empty()),
            "response_format" => self.response_format = Some(value),
            "temperature" => {
                let number =
                    value.parse().map_err(|_| Fault::field("temperature", "temperature is no number"));
                self.temperature = Some(number?);
            }
            "timestamp_granularities[]" | "timestamp_granularities" => self.words |= value == "word",
            "stream" if value == "true" => {
                return Err(Fault::field("stream", "a transcript does not come in pieces: leave stream out"));
            }
            _ => {}
        }
        Ok(())
    }

    fn options(&self, task: Task) -> RecognizeOptions {
        RecognizeOptions {
            task,
            language: self.language.clone(),
            word_timestamps: self.words,
            temperature: self
                .temperature
                .filter(|temperature| *temperature > 0.0)
                .map(|temperature| vec![temperature]),
            initial_prompt: self.prompt.clone(),
            ..RecognizeOptions::default()
        }
    }
}

fn unread(error: &MultipartError) -> Fault {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "the file is larger than the server takes");
    }
    Fault::invalid(format!("the form cannot be read: {}", error.body_text()))
}

async fn hear(house: &Shared, mut form: Form, task: Task) -> Result<Response, Fault> {
    let (_, engine) = house.catalogue.find(form.model.as_deref(), "hear", Kind::hears)?;
    let file = form.file.take().ok_or_else(|| Fault::field("file", "there is no file"))?;
    let format = form.response_format.as_deref().unwrap_or("json");
    if !["json", "text", "srt", "vtt", "verbose_json"].contains(&format) {
        let message = format!("response_format is {format}: it must be json, text, srt, vtt or verbose_json");
        return Err(Fault::field("response_format", message));
    }
    let (answer, mut heard) = mpsc::unbounded_channel();
    engine.submit(HearJob { file, options: form.options(task), answer })?;
    loop {
        match heard.recv().await.ok_or_else(lost)? {
            Heard::Segment => {}
            Heard::Failed(fault) => return Err(fault),
            Heard::Finished(transcript, seconds) => {
                return Ok(write(&transcript, seconds, format, form.words));
            }
        }
    }
}

fn write(transcript: &Transcript, seconds: f64, format: &str, words: bool) -> Response {
    let text = |format| transcript.to_text(format).into_response();
    match format {
        "text" => text(Format::Txt),
        "srt" => text(Format::Srt),
        "vtt" => text(Format::Vtt),
        "verbose_json" => Json(verbose(transcript, seconds, words)).into_response(),
        _ => Json(json!({"text": transcript.text.trim()})).into_response(),
    }
}

fn verbose(transcript: &Transcript, seconds: f64, words: bool) -> Value {
    let segments = transcript.segments.iter().enumerate().map(
        |(id, segment)| json!({"id": id, "start": segment.start, "end": segment.end, "text": segment.text}),
    );
    let mut value = json!({
        "task": "transcribe",
        "language": transcript.language,
        "duration": seconds,
        "text": transcript.text.trim(),
        "segments": segments.collect::<Vec<_>>(),
    });
    if let Some(fields) = value.as_object_mut().filter(|_| words) {
        let spoken = transcript.segments.iter().flat_map(|segment| &segment.words);
        let spoken =
            spoken.map(|word| json!({"word": word.word.trim(), "start": word.start, "end": word.end}));
        fields.insert("words".into(), spoken.collect());
    }
    value
}

#[derive(Deserialize)]
struct SpeechFields {
    model: Option<String>,
    input: String,
    voice: Voice,
    response_format: Option<String>,
    speed: Option<f32>,
    /// The language of the text, such as `en-us`; that of the voice without it.
    language: Option<String>,
}

/// The name of a voice, alone or within an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Voice {
    Name(String),
    Object { id: String },
}

/// A text as sound, which is sent while it is spoken.
pub(super) async fn speak(house: Shared, fields: Fields) -> Result<Response, Fault> {
    let fields: SpeechFields = fields.read()?;
    let (_, engine) = house.catalogue.find(fields.model.as_deref(), "speak", Kind::speaks)?;
    let format = fields.response_format.as_deref().unwrap_or("wav");
    let (kind, has_header) = match format {
        "wav" => ("audio/wav", true),
        "pcm" => ("audio/pcm", false),
        _ => {
            let message = format!("response_format is {format}: it must be wav or pcm");
            return Err(Fault::field("response_format", message));
        }
    };
    let encoder = WavEncoder::new(1, Kokoro::RATE, WavFormat::I16)
        .map_err(|error| Fault::internal(error.to_string()))?;
    let (Voice::Name(voice) | Voice::Object { id: voice }) = fields.voice;
    let language = fields.language.as_deref().map(Language::parse).transpose();
    let language = language.map_err(|error| Fault::field("language", error.to_string()))?;
    let options = SpeakOptions { speed: fields.speed.unwrap_or(1.0), language, ..SpeakOptions::default() };
    let (answer, mut spoken) = mpsc::unbounded_channel();
    engine.submit(SpeakJob { text: fields.input, voice, options, answer })?;
    let mut bytes = if has_header { encoder.header(None) } else { Vec::new() };
    match spoken.recv().await {
        Some(first) => encoder.encode(&first?, &mut bytes),
        None => return Err(Fault::field("input", "there is nothing in the text that can be spoken")),
    }
    let rest = futures_util::stream::unfold((spoken, encoder), |(mut spoken, encoder)| async move {
        let piece = spoken.recv().await?;
        let encoded = piece.map_err(|fault| std::io::Error::other(fault.message)).map(|samples| {
            let mut bytes = Vec::new();
            encoder.encode(&samples, &mut bytes);
            bytes
        });
        Some((encoded, (spoken, encoder)))
    });
    let begun = futures_util::stream::once(std::future::ready(Ok(bytes)));
    let body = axum::body::Body::from_stream(futures_util::StreamExt::chain(begun, rest));
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}
