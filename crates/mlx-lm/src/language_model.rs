//! A model with its tokenizer: text in, text out.

use std::cell::OnceCell;

use mlx_hub::Source;
use mlx_text::{ChatOptions, Message, Tokenizer};

use crate::cache::KvCache;
use crate::generate::Start;
use crate::structured::Grammars;
use crate::{Error, GenerateOptions, Loader, Model, Result, TextStream, TokenStream};

/// A model and the tokenizer that belongs to it.
pub struct LanguageModel {
    model: Model,
    draft: Option<Model>,
    tokenizer: Tokenizer,
    grammars: OnceCell<Grammars>,
}

/// Loads a language model from a folder, a GGUF file or a Hub id.
pub fn load(source: &str) -> Result<LanguageModel> {
    Loader::new(Source::parse(source)?).load()
}

impl LanguageModel {
    /// A model with its tokenizer. A text ends at the tokens that either of them names.
    pub fn new(model: Model, tokenizer: Tokenizer) -> Self {
        let tokenizer = tokenizer.with_eos(model.eos());
        Self { model, draft: None, tokenizer, grammars: OnceCell::new() }
    }

    /// This model with a smaller one that drafts for it, where
    /// [`GenerateOptions::speculation`](crate::GenerateOptions::speculation) is
    /// [`Speculation::Draft`](crate::Speculation::Draft).
    ///
    /// # Errors
    /// The vocabularies are not equally large, so that the models' tokens are not the same.
    pub fn with_draft(self, draft: Model) -> Result<Self> {
        let (target, drafted) = (self.model.vocab_size(), draft.vocab_size());
        if target != drafted {
            return Err(Error::Speculation(format!(
                "the draft model has a vocabulary of {drafted} tokens, the model one of {target}: give a draft \
                 model of the same tokenizer"
            )));
        }
        Ok(Self { draft: Some(draft), ..self })
    }

    /// The model that drafts, if there is one.
    pub fn draft(&self) -> Option<&Model> {
        self.draft.as_ref()
    }

    /// The model on tokens.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The tokens of a conversation by the checkpoint's chat template, up to where the answer begins.
    pub fn chat(&self, messages: &[Message]) -> Result<Vec<u32>> {
        Ok(self.tokenizer.encode_chat(messages, &ChatOptions::default())?)
    }

    /// The tokens of a plain text, with the special tokens that the tokenizer puts around one.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        if text.is_empty() {
            return Err(Error::Prompt("the prompt is empty".into()));
        }
        Ok(self.tokenizer.encode(text, true)?)
    }

    /// What compiles the forms that texts must have, for this model's vocabulary. It is made when it is first asked
    /// for.
    ///
    /// # Errors
    /// See [`Grammars::new`].
    pub fn grammars(&self) -> Result<&Grammars> {
        if let Some(grammars) = self.grammars.get() {
            return Ok(grammars);
        }
        let grammars = Grammars::new(&self.tokenizer, self.model.vocab_size())?;
        Ok(self.grammars.get_or_init(|| grammars))
    }

    /// The text that follows `prompt`.
    pub fn generate(&self, prompt: &[u32], options: GenerateOptions) -> Result<TextStream<'_>> {
        TextStream::new(self, Start::new(&self.model, prompt, &options)?, &options)
    }

    /// The text that follows `prompt`, which follows the tokens in `cache`, where these are not known: penalties and
    /// drafts see only the prompt. The limits of the cache are its own, not those of `options`.
    pub fn generate_after(
        &self,
        cache: KvCache,
        prompt: &[u32],
        options: GenerateOptions,
    ) -> Result<TextStream<'_>> {
        TextStream::new(self, Start::after(cache, prompt), &options)
    }

    /// The text that follows `prompt`, of which `cache` holds the first tokens. The limits of the cache are its own,
    /// not those of `options`.
    ///
    /// # Errors
    /// It holds all of them, so that nothing is left to be run.
    pub fn generate_from(
        &self,
        cache: KvCache,
        prompt: &[u32],
        options: GenerateOptions,
    ) -> Result<TextStream<'_>> {
        let held = cache.offset().unsigned_abs() as usize;
        if held >= prompt.len() {
            let all = prompt.len();
            return Err(Error::Prompt(format!(
                "the cache holds {held} tokens, and the prompt has {all}: it must go on after them"
            )));
        }
        TextStream::new(self, Start::within(cache, prompt), &options)
    }

    /// The tokens that follow `prompt`, past any end of text, until `max_tokens`.
    pub fn generate_tokens(&self, prompt: &[u32], options: GenerateOptions) -> Result<TokenStream<'_>> {
        let start = Start::new(&self.model, prompt, &options)?;
        TokenStream::new(&self.model, self.draft(), start, &options)
    }
}
