//! What a decoder remembers: keys and values of the tokens it has seen.

mod layer;
mod mask;
mod softcap;

pub use layer::LayerCache;
pub(crate) use layer::STEP;
pub use mask::Mask;

use mlx_core::{Array, Result};

/// The memory of a whole decoder, one [`LayerCache`] a layer.
#[derive(Clone, Debug)]
pub struct KvCache {
    layers: Vec<LayerCache>,
}

impl KvCache {
    /// An empty cache that keeps every token.
    pub fn full(layers: usize) -> Self {
        Self { layers: vec![LayerCache::default(); layers] }
    }

    /// The number of tokens seen.
    pub fn offset(&self) -> i32 {
        self.layers.first().map_or(0, LayerCache::offset)
    }

    /// The layers' caches in order, to be filled by one pass of the decoder.
    pub fn layers(&mut self) -> impl Iterator<Item = &mut LayerCache> {
        self.layers.iter_mut()
    }

    /// The mask for hidden states `[batch, length, hidden]` that follow what is cached.
    pub fn mask(&self, hidden: &Array) -> Result<Mask> {
        Ok(Mask::causal(hidden.dim(1)?))
    }

    /// As [`mask`](Self::mask), where each token sees only itself and the `window - 1` before it.
    pub fn sliding_mask(&self, hidden: &Array, window: i32) -> Result<Mask> {
        Mask::sliding(self.offset(), hidden.dim(1)?, window)
    }

    /// The arrays that hold the cache, to be evaluated.
    pub fn arrays(&self) -> impl Iterator<Item = &Array> {
        self.layers.iter().flat_map(LayerCache::arrays)
    }
}
