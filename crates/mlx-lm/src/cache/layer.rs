//! The memory of one layer.

use mlx_core::{Array, Result};
use mlx_nn::Offset;

use super::attention::Reach;
use super::{AttentionCache, Mask, Scoring, Seen, StateCache, error};

/// What one layer remembers of the tokens it has seen.
///
/// A clone shares the arrays, which never change: it costs next to nothing, and goes its own way from there.
#[derive(Clone, Debug)]
pub enum LayerCache {
    /// Keys and values.
    Attention(AttentionCache),
    /// The state of a recurrent layer.
    State(StateCache),
    /// Several memories of one layer.
    List(Vec<LayerCache>),
}

impl Default for LayerCache {
    fn default() -> Self {
        Self::full()
    }
}

impl LayerCache {
    /// Keys and values of all tokens.
    pub fn full() -> Self {
        Self::Attention(AttentionCache::new(Reach::All))
    }

    /// Keys and values of the first `keep` tokens and of the last ones, `size` in all. A token sees no others,
    /// however the text comes in chunks.
    ///
    /// # Errors
    /// `size` leaves no room for last tokens.
    pub fn rotating(size: i32, keep: i32) -> Result<Self> {
        if keep < 0 || size <= keep {
            return Err(error(format!("{size} tokens have no room for others than the first {keep}")));
        }
        Ok(Self::Attention(AttentionCache::new(Reach::Last { size, keep })))
    }

    /// Keys and values of the last `window` tokens, which are all that a token sees; at least 1.
    pub fn sliding(window: i32) -> Self {
        Self::Attention(AttentionCache::new(Reach::Last { size: window.max(1), keep: 0 }))
    }

    /// Keys and values of the last `size` tokens, of which a token sees those of its own chunk of `size`.
    ///
    /// # Errors
    /// `size` is not positive.
    pub fn chunked(size: i32) -> Result<Self> {
        if size <= 0 {
            return Err(error(format!("chunks of {size} tokens hold nothing")));
        }
        Ok(Self::Attention(AttentionCache::new(Reach::Chunk { size })))
    }

    /// The state of a recurrent layer: so many arrays.
    pub fn state(arrays: usize) -> Self {
        Self::State(StateCache::new(arrays))
    }

    /// The position of the next token, for each text of a batch.
    pub fn offset(&self) -> Offset<'_> {
        match self {
            Self::Attention(cache) => cache.offset(),
            Self::State(cache) => cache.offset(),
            Self::List(parts) => parts.first().map_or(Offset::All(0), Self::offset),
        }
    }

    /// Appends keys and values and attends to those that the layer keeps: queries `[batch, heads, length, width]`
    /// give `[batch, heads, length, width]`. `scoring` is a scale or a [`Scoring`].
    ///
    /// # Errors
    /// The layer is not one of attention.
    pub fn attend<'a>(
        &mut self,
        queries: &Array,
        keys: &Array,
        values: &Array,
        scoring: impl Into<Scoring<'a>>,
        mask: &Mask,
    ) -> Result<Array> {
        self.attention_mut()?.attend(queries, keys, values, scoring, mask)
    }

    /// Appends keys and values. Returns what the new tokens may see, which layers without a memory of their own can
    /// attend to as well.
    ///
    /// # Errors
    /// The layer is not one of attention.
    pub fn push(&mut self, keys: &Array, values: &Array) -> Result<Seen> {
        self.attention_mut()?.push(keys, values)
    }

    /// Appends keys and values. Returns those that the new tokens may see, [`append_masked`](Self::append_masked)
    /// also which of them.
    pub fn append(&mut self, keys: &Array, values: &Array) -> Result<(Array, Array)> {
        self.push(keys, values)?.dense()
    }

    /// Appends keys and values. Returns those that the layer keeps, and a mask that says which of them each new
    /// token may see; none if that is all.
    pub fn append_masked(
        &mut self,
        keys: &Array,
        values: &Array,
        mask: &Mask,
    ) -> Result<(Array, Array, Option<Array>)> {
        let seen = self.push(keys, values)?;
        let (keys, values) = seen.dense()?;
        Ok((keys, values, seen.mask(mask)?))
    }

    /// The keys and values.
    ///
    /// # Errors
    /// The layer is not one of attention.
    pub fn attention_mut(&mut self) -> Result<&mut AttentionCache> {
        match self {
            Self::Attention(cache) => Ok(cache),
            _ => Err(error("the layer keeps no keys and values")),
        }
    }

    /// The recurrent state.
    ///
    /// # Errors
    /// The layer has none.
    pub fn state_mut(&mut self) -> Result<&mut StateCache> {
        match self {
            Self::State(cache) => Ok(cache),
            _ => Err(error("the layer keeps no recurrent state")),
        }
    }

    /// The memories of a layer that has several.
    ///
    /// # Errors
    /// It has one.
    pub fn parts_mut(&mut self) -> Result<&mut [Self]> {
        match self {
            Self::List(parts) => Ok(parts),
            _ => Err(error("the layer has one memory")),
        }
    }

    /// The places seen, padding included.
    pub(super) fn end(&self) -> i32 {
        match self {
            Self::Attention(cache) => cache.end,
            Self::State(cache) => cache.end,
            Self::List(parts) => parts.iter().map(Self::end).max().unwrap_or_default(),
        }
    }

    /// The memories that are no lists.
    pub(super) fn leaves(&self) -> Vec<&Self> {
        match self {
            Self::List(parts) => parts.iter().flat_map(Self::leaves).collect(),
            leaf => vec![leaf],
        }
    }

    pub(super) fn leaves_mut(&mut self) -> Vec<&mut Self> {
        match self {
            Self::List(parts) => parts.iter_mut().flat_map(Self::leaves_mut).collect(),
            leaf => vec![leaf],
        }
    }

    pub(super) fn arrays(&self) -> Vec<&Array> {
        match self {
            Self::Attention(cache) => cache.arrays().iter().collect(),
            Self::State(cache) => cache.arrays().collect(),
            Self::List(parts) => parts.iter().flat_map(Self::arrays).collect(),
        }
    }
}
