//! A text that is being written.

use std::sync::Arc;

use mlx_lm::cache::KvCache;
use mlx_lm::{FinishReason, Logprobs, Piece};
use mlx_memory::Ticket;
use mlx_text::{ResponseEvent, ResponseParser, Tokenizer};

use super::job::{Part, Reply, TextEvent, TokenScore};
use super::prefixes::Prefix;
use super::request::Ready;

/// A text that is being written.
pub(super) struct Writing {
    reply: Reply,
    choice: usize,
    parser: ResponseParser,
    /// What tells apart the images of its prompt.
    marks: Vec<u64>,
    tokens: usize,
    reasoning_tokens: usize,
    /// The stop text that ended it.
    stop: Option<String>,
    /// Whether it ends with its first call.
    one_call: bool,
    called: bool,
    /// Scores of tokens whose text is not told yet.
    scores: Vec<TokenScore>,
    /// The memory that the texts of its request take.
    _memory: Arc<Ticket>,
}

impl Writing {
    /// One of the answers to a request.
    pub(super) fn new(request: &Ready, choice: usize, memory: Arc<Ticket>) -> Self {
        Self {
            reply: request.reply.clone(),
            choice,
            parser: request.parser.clone(),
            marks: request.prompt.marks().to_vec(),
            tokens: 0,
            reasoning_tokens: 0,
            stop: None,
            one_call: request.one_call,
            called: false,
            scores: Vec::new(),
            _memory: memory,
        }
    }

    /// Whether nobody reads it any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    /// Whether it has no token yet.
    pub(super) fn is_new(&self) -> bool {
        self.tokens == 0
    }

    /// What is to be kept of it at its end.
    pub(super) fn prefix(&self, tokens: Vec<u32>, cache: KvCache) -> Prefix {
        Prefix { tokens, marks: self.marks.clone(), cache }
    }

    /// Whether what follows is not wanted.
    pub(super) fn is_enough(&self) -> bool {
        self.one_call && self.called
    }

    /// Takes up another piece.
    pub(super) fn push(&mut self, piece: Piece, tokenizer: &Tokenizer) {
        if let Some(id) = piece.token {
            self.tokens += 1;
            self.reasoning_tokens += usize::from(self.parser.is_reasoning());
            self.scores.extend(piece.logprobs.map(|scores| score(id, &scores, tokenizer)));
        }
        self.stop = piece.stop;
        let parts = self.parser.push(&piece.text);
        self.tell(parts);
    }

    /// Tells the rest and the end.
    pub(super) fn finish(mut self, reason: FinishReason) {
        let parts = self.parser.finish();
        self.tell(parts);
        if !self.scores.is_empty() {
            self.part(Part::Text(String::new()));
        }
        let (choice, tokens, reasoning_tokens) = (self.choice, self.tokens, self.reasoning_tokens);
        let stop = self.stop.take();
        self.send(TextEvent::Finished { choice, reason, stop, tokens, reasoning_tokens });
    }

    pub(super) fn send(&self, event: TextEvent) {
        // Whether somebody reads is asked before each step.
        let _ = self.reply.send(event);
    }

    fn tell(&mut self, parts: Vec<ResponseEvent>) {
        for part in parts {
            if self.is_enough() {
                return;
            }
            self.called |= matches!(part, ResponseEvent::ToolCall(_));
            self.part(match part {
                ResponseEvent::Content(text) => Part::Text(text),
                ResponseEvent::Reasoning(text) => Part::Reasoning(text),
                ResponseEvent::ToolCall(call) => Part::Call(call),
                // What was meant as a call and is none is shown as it was written.
                ResponseEvent::Rejected(call) => Part::Text(call.text),
            });
        }
    }

    fn part(&mut self, part: Part) {
        let scores = std::mem::take(&mut self.scores);
        self.send(TextEvent::Part { choice: self.choice, part, scores });
    }
}

fn score(id: u32, scores: &Logprobs, tokenizer: &Tokenizer) -> TokenScore {
    let of = |id: u32, logprob| {
        // A token without bytes is a special one.
        let bytes = tokenizer.token_bytes(id).ok().flatten();
        let bytes = bytes.or_else(|| tokenizer.token(id).map(String::into_bytes)).unwrap_or_default();
        TokenScore { bytes, logprob, top: Vec::new() }
    };
    let top = scores.top.iter().map(|&(id, logprob)| of(id, logprob)).collect();
    TokenScore { top, ..of(id, scores.chosen) }
}
