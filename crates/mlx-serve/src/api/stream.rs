//! Answers in pieces: server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::fault::Fault;
use crate::text::TextEvent;

/// How often a silent stream says that it is alive.
const ALIVE: Duration = Duration::from_secs(10);

/// What a stream sends.
pub(super) enum Frame {
    Data(Value),
    /// With a name.
    Event(&'static str, Value),
    /// How far it is, for whoever looks; clients do not read it.
    Comment(String),
    /// OpenAI's mark of the end.
    Done,
}

impl Frame {
    /// How far a prompt is run.
    pub(super) fn progress(processed: usize, total: usize) -> Self {
        Self::Comment(format!("prompt {processed}/{total}"))
    }
}

/// Turns what happens to texts into what is sent.
pub(super) trait Narrator: Send + 'static {
    /// What is sent of an event.
    fn tell(&mut self, event: TextEvent) -> Vec<Frame>;

    /// Whether the last event was the end.
    fn is_over(&self) -> bool;
}

/// The first event of a request: an error while nothing is sent can still be told as such.
pub(super) async fn begin(events: &mut UnboundedReceiver<TextEvent>) -> Result<TextEvent, Fault> {
    loop {
        match events.recv().await {
            Some(TextEvent::Failed(fault)) => return Err(fault),
            Some(TextEvent::Progress { .. }) => {}
            Some(event) => return Ok(event),
            None => return Err(lost()),
        }
    }
}

/// The channel of a request ended before its answer: the engine failed with it in hand.
pub(super) fn lost() -> Fault {
    Fault::internal("the model failed while it answered, and begins anew: ask again")
}

/// Lets a narrator hear all up to the end, for an answer as a whole.
pub(super) async fn hear<N: Narrator>(
    first: TextEvent,
    mut events: UnboundedReceiver<TextEvent>,
    mut narrator: N,
) -> Result<N, Fault> {
    let mut next = Some(first);
    while !narrator.is_over() {
        let event = match next.take() {
            Some(event) => event,
            None => events.recv().await.ok_or_else(lost)?,
        };
        if let TextEvent::Failed(fault) = event {
            return Err(fault);
        }
        narrator.tell(event);
    }
    Ok(narrator)
}

/// Sends events as they come, up to the end.
pub(super) fn respond(
    first: TextEvent,
    events: UnboundedReceiver<TextEvent>,
    narrator: impl Narrator,
) -> Response {
    let begun = (VecDeque::from([first]), events, narrator, VecDeque::new());
    let frames = stream::unfold(begun, |(mut waiting, mut events, mut narrator, mut frames)| async move {
        loop {
            if let Some(frame) = frames.pop_front() {
                return Some((Ok::<_, Infallible>(event(frame)), (waiting, events, narrator, frames)));
            }
            if narrator.is_over() {
                return None;
            }
            let next = match waiting.pop_front() {
                Some(event) => event,
                None => events.recv().await.unwrap_or_else(|| TextEvent::Failed(lost())),
            };
            frames.extend(narrator.tell(next));
        }
    });
    Sse::new(frames).keep_alive(KeepAlive::new().interval(ALIVE)).into_response()
}

fn event(frame: Frame) -> Event {
    // What is sent is JSON, which holds no line ends.
    match frame {
        Frame::Data(value) => Event::default().data(value.to_string()),
        Frame::Event(name, value) => Event::default().event(name).data(value.to_string()),
        Frame::Comment(text) => Event::default().comment(text),
        Frame::Done => Event::default().data("[DONE]"),
    }
}
