//! A model with its tokenizer: text in, text out.

use mlx_hub::Source;
use mlx_text::{ChatOptions, Message, Tokenizer};

use crate::{Error, GenerateOptions, Loader, Model, Result, TextStream, TokenStream};

/// A model and the tokenizer that belongs to it.
pub struct LanguageModel {
    model: Model,
    tokenizer: Tokenizer,
}

/// Loads a language model from a folder, a GGUF file or a Hub id.
pub fn load(source: &str) -> Result<LanguageModel> {
    Loader::new(Source::parse(source)?).load()
}

impl LanguageModel {
    /// A model with its tokenizer. A text ends at the tokens that either of them names.
    pub fn new(model: Model, tokenizer: Tokenizer) -> Self {
        let tokenizer = tokenizer.with_eos(model.eos());
        Self { model, tokenizer }
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

    /// The text that follows `prompt`.
    pub fn generate(&self, prompt: &[u32], options: GenerateOptions) -> Result<TextStream<'_>> {
        TextStream::new(self, prompt, &options)
    }

    /// The tokens that follow `prompt`, past any end of text, until `max_tokens`.
    pub fn generate_tokens(&self, prompt: &[u32], options: GenerateOptions) -> Result<TokenStream<'_>> {
        self.model.generate(prompt, &options)
    }
}
