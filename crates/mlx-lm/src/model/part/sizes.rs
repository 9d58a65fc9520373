//! The widths and counts of a decoder.

use serde::Deserialize;

use crate::config::{self, Config, size};
use crate::{Error, Result};

/// The widths and counts of a decoder, which are known to make sense together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) hidden: i32,
    /// What a token passes within a gated layer.
    pub(crate) inner: i32,
    pub(crate) layers: usize,
    pub(crate) heads: i32,
    pub(crate) kv_heads: i32,
    pub(crate) head_dim: i32,
    pub(crate) vocab: i32,
}

#[derive(Deserialize)]
struct Stored {
    hidden_size: i32,
    intermediate_size: i32,
    num_hidden_layers: usize,
    num_attention_heads: i32,
    num_key_value_heads: Option<i32>,
    head_dim: Option<i32>,
    vocab_size: i32,
}

impl Sizes {
    /// Those that `config` states.
    ///
    /// # Errors
    /// Names what is missing, out of range or does not divide.
    pub(crate) fn read(config: &Config) -> Result<Self> {
        let stored: Stored = config.parse()?;
        let heads = size("num_attention_heads", stored.num_attention_heads)?;
        let hidden = size("hidden_size", stored.hidden_size)?;
        let sizes = Self {
            hidden,
            inner: size("intermediate_size", stored.intermediate_size)?,
            layers: config::layers(stored.num_hidden_layers)?,
            heads,
            kv_heads: size("num_key_value_heads", stored.num_key_value_heads.unwrap_or(heads))?,
            head_dim: stored.head_dim.unwrap_or(hidden / heads),
            vocab: size("vocab_size", stored.vocab_size)?,
        };
        sizes.checked()
    }

    /// These, if they make sense together.
    pub(crate) fn checked(self) -> Result<Self> {
        let Self { heads, kv_heads, head_dim, .. } = self;
        size("head_dim times num_attention_heads", head_dim.saturating_mul(heads))?;
        if heads % kv_heads == 0 {
            return Ok(self);
        }
        let message =
            format!("{heads} num_attention_heads are not a multiple of {kv_heads} num_key_value_heads");
        Err(Error::Config(message))
    }

    /// The width of all queries, and that of all keys or values.
    pub(crate) fn projected(&self) -> (i32, i32) {
        (self.heads.saturating_mul(self.head_dim), self.kv_heads.saturating_mul(self.head_dim))
    }
}
