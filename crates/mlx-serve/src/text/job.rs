//! What is asked of a model that writes, and what it tells.

use mlx_lm::FinishReason;
use mlx_text::{Message, ToolCall};
use mlx_vlm::Media;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

use super::{Form, Sampling};
use crate::engine::Job;
use crate::fault::Fault;

/// What is asked of a model that writes.
pub(crate) enum TextJob {
    /// To write.
    Write(Box<Write>),
    /// How it reads something.
    Tokens(Ask, Answer<Tokens>),
    /// The text of tokens.
    Text(Vec<u32>, Answer<String>),
}

/// Where one answer goes.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, Fault>>;

/// How a model reads something.
pub(crate) struct Tokens {
    pub(crate) ids: Vec<u32>,
    /// The longest text that it reads.
    pub(crate) context: Option<usize>,
}

/// To write an answer, or several.
pub(crate) struct Write {
    pub(crate) ask: Ask,
    pub(crate) sampling: Sampling,
    /// The most tokens; as many as there is room for without it.
    pub(crate) max_tokens: Option<usize>,
    pub(crate) stop: Vec<String>,
    /// Tell how likely each token was, and this many others.
    pub(crate) logprobs: Option<usize>,
    /// How many answers.
    pub(crate) choices: usize,
    pub(crate) form: Form,
    pub(crate) reply: Reply,
}

/// What is to be answered or continued.
pub(crate) enum Ask {
    Conversation(Box<Conversation>),
    Text(String),
    Tokens(Vec<u32>),
}

/// A conversation, and what the model may do in it.
#[derive(Default)]
pub(crate) struct Conversation {
    /// Messages with what they show.
    pub(crate) turns: Vec<(Message, Vec<Media>)>,
    /// Functions as OpenAI's list of tools.
    pub(crate) tools: Option<Value>,
    pub(crate) calls: Calls,
    /// Whether an answer ends with its first call.
    pub(crate) one_call: bool,
    /// Further variables of the chat template.
    pub(crate) variables: Map<String, Value>,
    /// The most tokens of reasoning.
    pub(crate) thinking_budget: Option<usize>,
    /// Whether the last message is the beginning of the answer.
    pub(crate) goes_on: bool,
}

/// Which functions the model calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Calls {
    /// Those it wants.
    #[default]
    Auto,
    None,
    /// One of them.
    Required,
    /// This one.
    Named(String),
}

/// Where events of a job go. They are not awaited: their number is bounded by the tokens asked for.
pub(crate) type Reply = mpsc::UnboundedSender<TextEvent>;

/// What happens to a text.
#[derive(Debug)]
pub(crate) enum TextEvent {
    /// The prompt is read; so many tokens of it were remembered.
    Read { prompt_tokens: usize, cached_tokens: usize },
    /// So many tokens of the prompt are run.
    Progress { processed: usize, total: usize },
    /// More of an answer.
    Part { choice: usize, part: Part, scores: Vec<TokenScore> },
    /// An answer is at its end.
    Finished {
        choice: usize,
        reason: FinishReason,
        /// The stop text that ended it.
        stop: Option<String>,
        tokens: usize,
        reasoning_tokens: usize,
    },
    /// The request cannot be answered.
    Failed(Fault),
}

/// A part of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Text(String),
    Reasoning(String),
    Call(ToolCall),
}

/// How likely a token was.
#[derive(Clone, Debug)]
pub(crate) struct TokenScore {
    pub(crate) bytes: Vec<u8>,
    pub(crate) logprob: f32,
    /// The most likely ones in its place.
    pub(crate) top: Vec<TokenScore>,
}

impl TokenScore {
    /// The token as text, as far as it is one.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Job for TextJob {
    fn fail(self, fault: Fault) {
        // A client that has gone is told nothing.
        match self {
            Self::Write(write) => drop(write.reply.send(TextEvent::Failed(fault))),
            Self::Tokens(_, answer) => drop(answer.send(Err(fault))),
            Self::Text(_, answer) => drop(answer.send(Err(fault))),
        }
    }

    fn is_abandoned(&self) -> bool {
        match self {
            Self::Write(write) => write.reply.is_closed(),
            Self::Tokens(_, answer) => answer.is_closed(),
            Self::Text(_, answer) => answer.is_closed(),
        }
    }
}
