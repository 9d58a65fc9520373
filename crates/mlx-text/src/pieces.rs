//! The bytes one token adds to a text, given the token before it.

use std::{borrow::Cow, collections::HashMap};

use tokenizers::{AddedToken, Decoder, DecoderWrapper};

use crate::{Error, Result, byte_level};

/// How a vocabulary spells text that is not one token.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Spelling {
    /// Each token is bytes in GPT-2's alphabet.
    ByteLevel,
    /// Tokens are text, and `<0x..>` tokens are single bytes.
    ByteFallback,
    /// Tokens are text.
    Text,
}

/// A tokenizer seen from its ids.
#[derive(Debug)]
pub(crate) struct Pieces {
    inner: tokenizers::Tokenizer,
    added: HashMap<u32, AddedToken>,
    spelling: Spelling,
    line_break: Option<&'static str>,
}

impl Pieces {
    /// `line_break` is the token that the vocabulary has for a line break, where it has no line break itself.
    pub(crate) fn new(inner: tokenizers::Tokenizer, line_break: Option<&'static str>) -> Self {
        let spelling = inner.get_decoder().map_or(Spelling::Text, Spelling::of);
        let added = inner.get_added_tokens_decoder().into_iter().collect();
        Self { inner, added, spelling, line_break }
    }

    /// A text with its line breaks as the vocabulary spells them.
    pub(crate) fn spelled<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.line_break {
            Some(token) => text.replace('\n', token).into(),
            None => text.into(),
        }
    }

    pub(crate) fn inner(&self) -> &tokenizers::Tokenizer {
        &self.inner
    }

    pub(crate) fn is_special(&self, id: u32) -> bool {
        self.added.get(&id).is_some_and(|token| token.special)
    }

    /// The bytes of token `id`, spelled `token`, after a text whose last token is `previous`.
    pub(crate) fn bytes(&self, id: u32, token: &str, previous: Option<&str>) -> Result<Vec<u8>> {
        if self.line_break == Some(token) {
            return Ok(b"\n".to_vec());
        }
        match self.spelling {
            Spelling::ByteLevel if self.added.contains_key(&id) => Ok(token.as_bytes().to_vec()),
            Spelling::ByteLevel => Ok(byte_level::bytes(token).unwrap_or_else(|| token.as_bytes().to_vec())),
            Spelling::ByteFallback => match fallback_byte(token) {
                // A leading space may be stripped, which the decoder knows.
                Some(byte) if previous.is_some() || byte != b' ' => Ok(vec![byte]),
                _ => self.text(token, previous),
            },
            Spelling::Text => self.text(token, previous),
        }
    }

    /// The bytes of token `id` within a text.
    pub(crate) fn bytes_within(&self, id: u32) -> Result<Option<Vec<u8>>> {
        let token = self.inner.id_to_token(id);
        token.map(|token| self.bytes(id, &token, Some("a"))).transpose()
    }

    /// What the decoder adds for `token`: the text of both tokens without that of the first.
    fn text(&self, token: &str, previous: Option<&str>) -> Result<Vec<u8>> {
        let Some(previous) = previous else { return Ok(self.join(vec![token.to_owned()])?.into_bytes()) };
        let before = self.join(vec![previous.to_owned()])?;
        let both = self.join(vec![previous.to_owned(), token.to_owned()])?;
        let shared: usize =
            before.chars().zip(both.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        Ok(both.into_bytes().split_off(shared))
    }

    fn join(&self, tokens: Vec<String>) -> Result<String> {
        match self.inner.get_decoder() {
            Some(decoder) => decoder.decode(tokens).map_err(Error::decode),
            None => Ok(tokens.join(" ")),
        }
    }
}

impl Spelling {
    fn of(decoder: &DecoderWrapper) -> Self {
        match decoder {
            DecoderWrapper::ByteLevel(_) => Self::ByteLevel,
            DecoderWrapper::ByteFallback(_) => Self::ByteFallback,
            DecoderWrapper::Sequence(steps) => steps
                .get_decoders()
                .iter()
                .map(Self::of)
                .find(|&spelling| spelling != Self::Text)
                .unwrap_or(Self::Text),
            _ => Self::Text,
        }
    }
}

/// The byte of a token like `<0xE2>`.
fn fallback_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() == 2 { u8::from_str_radix(digits, 16).ok() } else { None }
}
