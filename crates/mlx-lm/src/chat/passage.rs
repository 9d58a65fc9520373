//! What a chat template wrote, as tokens, and how these are run.

use mlx_text::{Message, Tokenizer};

use crate::cache::KvCache;
use crate::generate::run_prompt;
use crate::{GenerateOptions, Model, Result};

/// Turns what a chat template wrote into tokens: of conversations that show more than text, too.
pub trait Reader<'m> {
    /// Messages [in parts](Message::in_parts) as the template takes them, if that is otherwise.
    fn written(&self, messages: Vec<Message>) -> Vec<Message> {
        messages
    }

    /// The tokens of `text`, which the template wrote of `messages`. Texts of these it was given
    /// [in parts](Message::in_parts), or as [`written`](Self::written) makes them.
    ///
    /// # Errors
    /// What a message shows is not there or does not fit the text.
    fn read(&self, text: &str, messages: &[Message]) -> Result<Box<dyn Passage + 'm>>;
}

/// A part of a conversation as tokens.
pub trait Passage {
    /// The tokens.
    fn tokens(&self) -> &[u32];

    /// What tells tokens apart that are alike and stand for different things: as many numbers, 0 for each of text; or
    /// none, if all are text.
    fn marks(&self) -> &[u64];

    /// Runs the tokens up to `end` that `cache` does not hold.
    ///
    /// # Errors
    /// They go beyond the context, or the caller of `options` breaks it off.
    fn run(&self, model: &Model, cache: &mut KvCache, end: usize, options: &GenerateOptions) -> Result<()>;
}

/// Text and nothing else.
pub(super) struct Text(Vec<u32>);

impl Text {
    pub(super) fn read(text: &str, tokenizer: &Tokenizer) -> Result<Self> {
        Ok(Self(tokenizer.encode(text, false)?))
    }
}

impl Passage for Text {
    fn tokens(&self) -> &[u32] {
        &self.0
    }

    fn marks(&self) -> &[u64] {
        &[]
    }

    fn run(&self, model: &Model, cache: &mut KvCache, end: usize, options: &GenerateOptions) -> Result<()> {
        let held = cache.offset().unsigned_abs() as usize;
        run_prompt(model, &self.0, held..end, cache, options)
    }
}

/// A token with what tells it apart.
pub(super) type Sign = (u32, u64);

/// The tokens of a passage with their marks.
pub(super) fn signs(passage: &dyn Passage) -> Vec<Sign> {
    let marks = passage.marks().iter().copied().chain(std::iter::repeat(0));
    passage.tokens().iter().copied().zip(marks).collect()
}
