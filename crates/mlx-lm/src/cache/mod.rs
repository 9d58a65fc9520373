//! What a decoder remembers: for each layer, keys and values of the tokens it has seen, or a recurrent state.
//!
//! A [`KvCache`] is made by [`Decoder::cache`](crate::Decoder::cache), limited by [`CacheOptions`], and filled by
//! the passes of the decoder. A clone of it is a snapshot: arrays are shared and never change.

mod attention;
mod batch;
mod checkpoint;
mod file;
mod layer;
mod mask;
mod mlx_lm;
mod options;
mod pace;
mod prompt;
mod rows;
mod score;
mod seen;
mod slots;
mod state;
mod upcoming;

pub use attention::AttentionCache;
use attention::Reach;
pub(crate) use attention::STEP;
pub use checkpoint::Checkpoint;
pub use layer::LayerCache;
pub use mask::Mask;
pub use options::CacheOptions;
use pace::Pace;
pub use prompt::PromptCache;
pub use score::Scoring;
pub use seen::Seen;
pub(crate) use slots::{in_place, most_padding};
pub use state::StateCache;
pub use upcoming::{Sight, Upcoming};

use mlx_core::{Array, Result};

use crate::Error;

/// The memory of a whole decoder, one [`LayerCache`] a layer.
///
/// To go back to an earlier state of it, make a [`Checkpoint`] or keep a clone from then.
#[derive(Clone, Debug)]
pub struct KvCache {
    layers: Vec<LayerCache>,
    pace: Pace,
    /// Whether tokens alone do not tell what it holds.
    shown: bool,
}

impl KvCache {
    /// An empty cache that keeps every token.
    pub fn full(layers: usize) -> Self {
        Self::new(vec![LayerCache::full(); layers])
    }

    /// A cache of these layers.
    pub fn new(layers: impl IntoIterator<Item = LayerCache>) -> Self {
        Self { layers: layers.into_iter().collect(), pace: Pace::Free, shown: false }
    }

    /// The number of tokens seen; in a batch, those of the longest text.
    pub fn offset(&self) -> i32 {
        let end = self.layers.iter().map(LayerCache::end).max().unwrap_or_default();
        let padding = self.padding().iter().min().copied();
        end - padding.unwrap_or_default()
    }

    /// The layers' caches in order, to be filled by one pass of the decoder.
    pub fn layers(&mut self) -> impl Iterator<Item = &mut LayerCache> {
        self.layers.iter_mut()
    }

    /// Whether something was shown in the text, so that its tokens alone do not tell what this holds.
    pub(crate) fn is_of_more_than_text(&self) -> bool {
        self.shown
    }

    /// How far ahead a pass that fills this is begun.
    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    /// The mask for hidden states `[batch, length, hidden]` that follow what is cached.
    pub fn mask(&self, _hidden: &Array) -> Result<Mask> {
        Ok(Mask::causal())
    }

    /// As [`mask`](Self::mask), where each token sees only itself and the `window - 1` before it.
    pub fn sliding_mask(&self, _hidden: &Array, window: i32) -> Result<Mask> {
        Ok(Mask::sliding(window))
    }

    /// As [`mask`](Self::mask), where each token sees only those of its own chunk of `size` tokens.
    pub fn chunked_mask(&self, _hidden: &Array, size: i32) -> Result<Mask> {
        Ok(Mask::chunked(size))
    }

    /// Says that so many tokens will follow, so that buffers are made large enough at once. One that grows leaves its
    /// old memory behind.
    pub fn reserve(&mut self, tokens: usize) {
        let tokens = i32::try_from(tokens).unwrap_or(i32::MAX);
        for layer in self.layers.iter_mut().flat_map(LayerCache::leaves_mut) {
            if let LayerCache::Attention(cache) = layer {
                cache.reserve(tokens);
            }
        }
    }

    /// The arrays that hold the cache, to be evaluated.
    pub fn arrays(&self) -> impl Iterator<Item = &Array> {
        self.layers.iter().flat_map(LayerCache::arrays)
    }

    /// The bytes that the cache holds. Those that clones share are counted for each.
    pub fn nbytes(&self) -> usize {
        self.arrays().map(Array::nbytes).sum()
    }

    /// The most tokens that [`trim`](Self::trim) can take back: none once a layer has dropped tokens, or keeps a
    /// state in which they are mixed.
    pub fn trimmable(&self) -> i32 {
        let leaves = self.layers.iter().flat_map(LayerCache::leaves);
        leaves
            .map(|layer| match layer {
                LayerCache::Attention(cache) => cache.trimmable(),
                LayerCache::State(_) | LayerCache::List(_) => 0,
            })
            .min()
            .unwrap_or_default()
    }

    /// Whether any token can be taken back at any time, so that earlier states need not be kept.
    pub fn keeps_all(&self) -> bool {
        let mut leaves = self.layers.iter().flat_map(LayerCache::leaves);
        leaves.all(|layer| matches!(layer, LayerCache::Attention(cache) if cache.reach == Reach::All))
    }

    /// Takes the last `tokens` tokens back.
    ///
    /// # Errors
    /// They are more than [`trimmable`](Self::trimmable) says. The cache then stays as it is; a clone from before
    /// these tokens serves instead.
    pub fn trim(&mut self, tokens: i32) -> crate::Result<()> {
        let most = self.trimmable();
        if !(0..=most.max(0)).contains(&tokens) {
            return Err(Error::Cache(format!(
                "{tokens} tokens cannot be taken back, only {most}: keep a clone of the cache to go back to"
            )));
        }
        if tokens > 0 {
            for layer in self.layers.iter_mut().flat_map(LayerCache::leaves_mut) {
                if let LayerCache::Attention(cache) = layer {
                    cache.ends_at(cache.end - tokens)?;
                }
            }
        }
        Ok(())
    }
}

/// An error of a cache within a pass.
#[track_caller]
fn error(message: impl Into<String>) -> mlx_core::Error {
    mlx_core::Error::custom("cache", message)
}
