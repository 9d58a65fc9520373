//! A conversation in which things are shown.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;

use mlx_lm::cache::KvCache;
use mlx_lm::chat::{ChatSession, ChatStream, Passage, Reader};
use mlx_lm::{GenerateOptions, Model};
use mlx_text::Message;
use serde_json::Value;

use crate::media::Key;
use crate::model::VisionLanguageModel;
use crate::{Error, Media, Prompt, Result, Turn};

/// A conversation with a model, which remembers what it saw, and what was said, from turn to turn.
///
/// It is a [`ChatSession`] whose messages have parts of images and videos, each with a `key` by which it is found again.
///
/// ```no_run
/// use mlx_vlm::{Turn, VisionChat, mlx_image::Image, mlx_lm::ChatEvent};
///
/// # fn main() -> mlx_vlm::Result<()> {
/// let model = mlx_vlm::load("Qwen/Qwen2-VL-2B-Instruct")?;
/// let mut chat = VisionChat::new(&model)?;
/// for event in chat.send(Turn::user("What is this?").with(Image::open("cat.jpg")?))? {
///     if let ChatEvent::Text(text) = event? {
///         print!("{text}");
///     }
/// }
/// # Ok(()) }
/// ```
pub struct VisionChat<'m> {
    session: ChatSession<'m>,
    shown: Shown,
}

/// What a conversation shows, by its key.
type Shown = std::rc::Rc<RefCell<BTreeMap<String, Media>>>;

/// The name of the key of a part.
const KEY: &str = "key";

impl<'m> VisionChat<'m> {
    /// A conversation without messages.
    ///
    /// # Errors
    /// As [`ChatSession::new`].
    pub fn new(model: &'m VisionLanguageModel) -> Result<Self> {
        let shown = Shown::default();
        let seer = Seer { model, shown: shown.clone() };
        Ok(Self { session: ChatSession::new(model.language())?.reader(seer), shown })
    }

    /// The conversation after a change of its settings, such as `|session| session.options(options)`.
    ///
    /// # Errors
    /// Those of the change.
    pub fn with(
        self,
        change: impl FnOnce(ChatSession<'m>) -> mlx_lm::Result<ChatSession<'m>>,
    ) -> Result<Self> {
        Ok(Self { session: change(self.session)?, ..self })
    }

    /// Shows and says something, and gives the answer as it comes.
    ///
    /// # Errors
    /// As [`ChatSession::send`], or the model does not take what is shown.
    pub fn send(&mut self, turn: impl Into<Turn>) -> Result<ChatStream<'_, 'm>> {
        let message = self.keyed(turn.into())?;
        Ok(self.session.send(message)?)
    }

    /// The conversation itself: its messages, and what is remembered.
    pub fn session(&self) -> &ChatSession<'m> {
        &self.session
    }

    /// The conversation itself, to be changed.
    pub fn session_mut(&mut self) -> &mut ChatSession<'m> {
        &mut self.session
    }

    /// The message of a turn, whose parts have the keys of what they show.
    fn keyed(&self, turn: Turn) -> Result<Message> {
        let Turn { mut message, media } = turn;
        let mut parts = parts_mut(&mut message);
        for media in media {
            let key = hex(&media.key(false));
            let Some(part) = parts.next() else {
                return Err(Error::Prompt("the turn shows more than its message has parts for".into()));
            };
            part.insert(KEY.into(), key.as_str().into());
            self.shown.borrow_mut().insert(key, media);
        }
        drop(parts);
        Ok(message)
    }
}

/// Reads conversations with the model's eyes.
struct Seer<'m> {
    model: &'m VisionLanguageModel,
    shown: Shown,
}

/// A conversation as it is seen.
struct Scene<'m> {
    model: &'m VisionLanguageModel,
    prompt: Prompt,
    marks: Vec<u64>,
}

impl<'m> Reader<'m> for Seer<'m> {
    fn written(&self, messages: Vec<Message>) -> Vec<Message> {
        self.model.sight().family().written(messages)
    }

    fn read(&self, text: &str, messages: &[Message]) -> mlx_lm::Result<Box<dyn Passage + 'm>> {
        let prompt = self.prompt(text, messages).map_err(unwrapped)?;
        let marks = self.model.marks(&prompt);
        Ok(Box::new(Scene { model: self.model, prompt, marks }))
    }
}

impl Seer<'_> {
    fn prompt(&self, text: &str, messages: &[Message]) -> Result<Prompt> {
        let shown = self.shown.borrow();
        let keys = messages.iter().flat_map(parts).filter_map(|part| part.get(KEY)?.as_str());
        let mut media = Vec::new();
        for key in keys {
            let Some(shown) = shown.get(key) else {
                return Err(Error::Prompt(format!("nothing was shown under the key {key}")));
            };
            media.push(shown);
        }
        let seen = self.model.sight().of(media)?;
        Prompt::new(text, seen, self.model.sight().family(), self.model.language().tokenizer())
    }
}

impl Passage for Scene<'_> {
    fn tokens(&self) -> &[u32] {
        self.prompt.tokens()
    }

    fn marks(&self) -> &[u64] {
        &self.marks
    }

    fn run(
        &self,
        model: &Model,
        cache: &mut KvCache,
        end: usize,
        options: &GenerateOptions,
    ) -> mlx_lm::Result<()> {
        let (sight, step) = (self.model.sight(), options.prefill_step);
        sight.run(model, &self.prompt, cache, (end, step)).map_err(unwrapped)?;
        let held = cache.offset().unsigned_abs() as usize;
        let rest = self.prompt.tokens().get(held..end).unwrap_or_default();
        model.prefill(rest, cache, step)
    }
}

/// The parts of a message that show something.
fn parts(message: &Message) -> impl Iterator<Item = &serde_json::Map<String, Value>> {
    let parts = message.content.as_ref().and_then(Value::as_array).into_iter().flatten();
    parts.filter_map(Value::as_object).filter(|part| shows(part))
}

fn parts_mut(message: &mut Message) -> impl Iterator<Item = &mut serde_json::Map<String, Value>> {
    let parts = message.content.as_mut().and_then(Value::as_array_mut).into_iter().flatten();
    parts.filter_map(Value::as_object_mut).filter(|part| shows(part))
}

fn shows(part: &serde_json::Map<String, Value>) -> bool {
    matches!(part.get("type").and_then(Value::as_str), Some("image" | "video"))
}

fn hex(key: &Key) -> String {
    key.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An error as `mlx-lm` passes it on.
fn unwrapped(error: Error) -> mlx_lm::Error {
    match error {
        Error::Decoder(error) => error,
        other => mlx_lm::Error::Shown(other.to_string().into()),
    }
}
