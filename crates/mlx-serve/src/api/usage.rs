//! What answers cost, and how likely their tokens were, as OpenAI's clients read it.

use serde_json::{Value, json};

use crate::text::TokenScore;

/// The most tokens of which it is told how likely they are, in place of each.
pub(super) const MOST_LOGPROBS: usize = 20;

/// What a request cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    pub(super) prompt: usize,
    pub(super) cached: usize,
    pub(super) completion: usize,
    pub(super) reasoning: usize,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.prompt += other.prompt;
        self.cached += other.cached;
        self.completion += other.completion;
        self.reasoning += other.reasoning;
    }
}

impl Usage {
    /// As chats and completions have it.
    pub(super) fn to_json(self) -> Value {
        json!({
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning},
        })
    }

    /// As responses have it.
    pub(super) fn to_responses(self) -> Value {
        json!({
            "input_tokens": self.prompt,
            "input_tokens_details": {"cached_tokens": self.cached, "cache_write_tokens": 0},
            "output_tokens": self.completion,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.prompt + self.completion,
        })
    }
}

/// A token with others in its place, as chats have them.
pub(super) fn score(score: &TokenScore) -> Value {
    let one =
        |score: &TokenScore| json!({"token": score.text(), "logprob": score.logprob, "bytes": score.bytes});
    let mut value = one(score);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("top_logprobs".into(), score.top.iter().map(one).collect());
    }
    value
}

/// A new name for an answer.
pub(super) fn name(prefix: &str) -> String {
    format!("{prefix}{:016x}{:08x}", fastrand::u64(..), fastrand::u32(..))
}

/// The time, in seconds since 1970.
pub(super) fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}
