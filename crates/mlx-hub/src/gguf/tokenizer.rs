//! The tokenizer that a GGUF file carries.

use super::checkpoint::Gguf;
use super::container::Container;
use super::value::{Array, Value};
use crate::Result;

/// A tokenizer as GGUF stores it, by token id.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenizerData {
    /// The algorithm: `gpt2` is byte-level BPE, `llama` is SentencePiece.
    pub model: String,
    /// The name of the pre-tokenizer.
    pub pre: Option<String>,
    /// The text of each token.
    pub tokens: Vec<String>,
    /// The kind of each token: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
    pub token_types: Vec<i32>,
    /// The score of each token, for SentencePiece.
    pub scores: Vec<f32>,
    /// The merges of BPE, best first, each two tokens with a space between.
    pub merges: Vec<String>,
    /// The token that begins a text.
    pub bos: Option<u32>,
    /// The token that ends a text or turn.
    pub eos: Option<u32>,
    /// The token for what has no other.
    pub unk: Option<u32>,
    /// The token that fills a batch.
    pub pad: Option<u32>,
    /// Whether encoding puts the first token in front.
    pub add_bos: Option<bool>,
    /// Whether encoding puts the last token behind.
    pub add_eos: Option<bool>,
    /// Whether encoding puts a space in front.
    pub add_space_prefix: Option<bool>,
    /// The Jinja template of a chat.
    pub chat_template: Option<String>,
}

impl Gguf {
    /// The tokenizer in the file's metadata.
    pub fn tokenizer(&self) -> Result<TokenizerData> {
        let file = self.container();
        let data = TokenizerData {
            model: file.value("tokenizer.ggml.model", "text", string)?.ok_or_else(|| {
                file.error("the file has no tokenizer: metadata `tokenizer.ggml.model` is missing")
            })?,
            pre: file.value("tokenizer.ggml.pre", "text", string)?,
            tokens: list(file, "tokenizer.ggml.tokens", "a list of texts", strings)?,
            token_types: list(file, "tokenizer.ggml.token_type", "a list of i32", |array| match array {
                Array::I32(items) => Some(items.clone()),
                _ => None,
            })?,
            scores: list(file, "tokenizer.ggml.scores", "a list of f32", |array| match array {
                Array::F32(items) => Some(items.clone()),
                _ => None,
            })?,
            merges: list(file, "tokenizer.ggml.merges", "a list of texts", strings)?,
            bos: id(file, "bos")?,
            eos: id(file, "eos")?,
            unk: id(file, "unknown")?,
            pad: id(file, "padding")?,
            add_bos: file.value("tokenizer.ggml.add_bos_token", "a flag", Value::as_bool)?,
            add_eos: file.value("tokenizer.ggml.add_eos_token", "a flag", Value::as_bool)?,
            add_space_prefix: file.value("tokenizer.ggml.add_space_prefix", "a flag", Value::as_bool)?,
            chat_template: file.value("tokenizer.chat_template", "text", string)?,
        };
        check(file, &data)?;
        Ok(data)
    }
}

/// Checks that per-token lists are as long as the tokens, and that ids are tokens.
fn check(file: &Container, data: &TokenizerData) -> Result<()> {
    let count = data.tokens.len();
    if count == 0 {
        return Err(file.error("metadata `tokenizer.ggml.tokens` is missing or empty"));
    }
    for (key, len) in [("token_type", data.token_types.len()), ("scores", data.scores.len())] {
        if len != 0 && len != count {
            return Err(
                file.error(format!("metadata `tokenizer.ggml.{key}` has {len} items for {count} tokens"))
            );
        }
    }
    for (key, id) in [("bos", data.bos), ("eos", data.eos), ("unknown", data.unk), ("padding", data.pad)] {
        if let Some(id) = id.filter(|&id| id as usize >= count) {
            return Err(file.error(format!(
                "metadata `tokenizer.ggml.{key}_token_id` is {id}, but there are {count} tokens"
            )));
        }
    }
    Ok(())
}

fn id(file: &Container, name: &str) -> Result<Option<u32>> {
    let key = format!("tokenizer.ggml.{name}_token_id");
    file.value(&key, "a token id", |value| value.as_u64()?.try_into().ok())
}

fn list<T>(file: &Container, key: &str, wanted: &str, read: fn(&Array) -> Option<Vec<T>>) -> Result<Vec<T>> {
    let list = file.value(key, wanted, |value| value.as_array().and_then(read))?;
    Ok(list.unwrap_or_default())
}

fn string(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn strings(array: &Array) -> Option<Vec<String>> {
    if let Array::String(items) = array { Some(items.clone()) } else { None }
}
