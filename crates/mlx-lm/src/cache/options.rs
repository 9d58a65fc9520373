//! How a cache is to be smaller than a model's own.

use mlx_core::Quantization;

use super::attention::{Quantize, Reach};
use super::{KvCache, LayerCache};
use crate::{Error, Result};

/// How much a cache may hold, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// The most tokens that a layer of attention keeps: the first [`keep`](Self::keep) and the last ones.
    pub max_kv_size: Option<i32>,
    /// The first tokens, which are kept under `max_kv_size`.
    pub keep: i32,
    /// The bits of a key's or value's element: 2 to 6, or 8. Without it, they stay as they are computed.
    pub kv_bits: Option<i32>,
    /// Elements that share a scale under `kv_bits`: 32, 64 or 128.
    pub kv_group_size: i32,
    /// `kv_bits` takes effect once so many tokens are seen.
    pub quantized_kv_start: i32,
}

impl Default for CacheOptions {
    /// No limit and no quantization; the other numbers are those of mlx-lm.
    fn default() -> Self {
        Self { max_kv_size: None, keep: 4, kv_bits: None, kv_group_size: 64, quantized_kv_start: 5000 }
    }
}

impl CacheOptions {
    fn check(&self) -> Result<()> {
        let refuse = |option, value: i32, range: &str| {
            Err(Error::Option { option, value: value.into(), range: range.into() })
        };
        if self.keep < 0 {
            return refuse("keep", self.keep, "it must not be negative");
        }
        if let Some(size) = self.max_kv_size.filter(|&size| size <= self.keep) {
            return refuse("max_kv_size", size, "it must be more than `keep`");
        }
        if self.kv_bits.is_none() {
            return Ok(());
        }
        match (self.kv_bits, self.kv_group_size) {
            (Some(bits), _) if !matches!(bits, 2..=6 | 8) => {
                refuse("kv_bits", bits, "it must be 2, 3, 4, 5, 6 or 8")
            }
            (_, size) if !matches!(size, 32 | 64 | 128) => {
                refuse("kv_group_size", size, "it must be 32, 64 or 128")
            }
            _ if self.quantized_kv_start < 0 => {
                refuse("quantized_kv_start", self.quantized_kv_start, "it must not be negative")
            }
            _ => Ok(()),
        }
    }
}

impl KvCache {
    /// This empty cache with limits. Layers that slide keep no more than their window as it is; recurrent layers
    /// have no keys and values that grow, so the options do not concern them.
    ///
    /// # Errors
    /// An option is out of its range, the cache is not empty, or the options cannot take effect: no layer has keys
    /// and values, or a layer needs a chunk that is longer than `max_kv_size`. That `kv_group_size` does not divide
    /// the width of keys or values is an error of the first token.
    pub fn with(mut self, options: &CacheOptions) -> Result<Self> {
        options.check()?;
        if options.max_kv_size.is_none() && options.kv_bits.is_none() {
            return Ok(self);
        }
        let mut concerned = 0;
        for layer in self.layers.iter_mut().flat_map(LayerCache::leaves_mut) {
            let LayerCache::Attention(cache) = layer else { continue };
            if cache.end > 0 {
                return Err(Error::Cache("limits are for an empty cache: this one holds tokens".into()));
            }
            if let Some(size) = options.max_kv_size {
                cache.reach = limited(cache.reach, size, options.keep)?;
            }
            if let Some(bits) = options.kv_bits {
                let scheme = Quantization::affine(bits, options.kv_group_size);
                cache.quantize = Some(Quantize { scheme, start: options.quantized_kv_start });
            }
            concerned += 1;
        }
        if concerned == 0 {
            let message =
                "max_kv_size and kv_bits are for keys and values, of which no layer of this model has any";
            return Err(Error::Cache(message.into()));
        }
        Ok(self)
    }
}

fn limited(reach: Reach, size: i32, keep: i32) -> Result<Reach> {
    match reach {
        Reach::All => Ok(Reach::Last { size, keep }),
        Reach::Last { size: window, keep } if window > size && keep < size => Ok(Reach::Last { size, keep }),
        Reach::Chunk { size: chunk } if chunk > size => Err(Error::Cache(format!(
            "max_kv_size is {size}, but a layer of this model attends to chunks of {chunk} tokens: give at least that"
        ))),
        reach => Ok(reach),
    }
}
