//! The size of the keys and values that a decoder keeps.

use mlx_core::Dtype;

use crate::Bytes;

/// Caches get room for this many tokens at a time.
const STEP: u64 = 256;

/// Keys and values of the tokens that a decoder has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvCache {
    /// What each layer keeps.
    pub layers: Vec<KvLayer>,
    /// How keys and values are stored.
    pub elements: KvElements,
    /// The tokens of one text.
    pub length: u64,
    /// The texts that run together.
    pub batch: u64,
}

/// What one layer keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvLayer {
    /// Every token.
    Full(KvHeads),
    /// The last `window` tokens.
    Sliding {
        /// The layer's heads.
        heads: KvHeads,
        /// How many tokens.
        window: u64,
    },
    /// As much for any length, for each text: a recurrent state, or nothing.
    State(Bytes),
}

/// The heads of keys and values of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvHeads {
    /// How many there are; fewer than query heads where those share.
    pub count: u64,
    /// Elements of a key.
    pub key_width: u64,
    /// Elements of a value.
    pub value_width: u64,
}

/// How keys and values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvElements {
    /// As floats.
    Floats(Dtype),
    /// In a few bits, with a scale and a bias for each group.
    Quantized {
        /// Bits of an element.
        bits: u64,
        /// Elements that share a scale and a bias.
        group_size: u64,
        /// The type of scales and biases.
        scales: Dtype,
    },
}

impl KvCache {
    /// All that is allocated: whole steps, and the largest layer twice, since its old rows are still there while
    /// it grows.
    pub fn bytes(&self) -> Bytes {
        let layers = || self.layers.iter().map(|layer| self.layer(layer) * self.batch);
        let growing = if self.length > STEP { layers().max().unwrap_or_default() } else { Bytes::ZERO };
        layers().sum::<Bytes>() + growing
    }

    /// A layer's bytes for one text.
    fn layer(&self, layer: &KvLayer) -> Bytes {
        let rows = self.length.div_ceil(STEP).saturating_mul(STEP);
        match *layer {
            KvLayer::Full(heads) => self.elements.row(heads) * rows,
            KvLayer::Sliding { heads, window } => self.elements.row(heads) * rows.min(window),
            KvLayer::State(bytes) => bytes,
        }
    }
}

impl KvElements {
    /// The bytes of one token's key and value in all heads.
    fn row(self, heads: KvHeads) -> Bytes {
        (self.vector(heads.key_width) + self.vector(heads.value_width)) * heads.count
    }

    fn vector(self, width: u64) -> Bytes {
        match self {
            Self::Floats(dtype) => Bytes::from(dtype.size()) * width,
            Self::Quantized { bits, group_size, scales } => {
                let groups = width.div_ceil(group_size.max(1));
                let packed = width.saturating_mul(bits).div_ceil(8);
                Bytes::new(packed) + Bytes::from(scales.size()) * 2 * groups
            }
        }
    }
}

impl From<&KvCache> for Bytes {
    fn from(cache: &KvCache) -> Self {
        cache.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADS: KvHeads = KvHeads { count: 2, key_width: 64, value_width: 32 };

    /// Bytes of a layer's key and value of one token in float16.
    const ROW: u64 = 2 * (64 + 32) * 2;

    fn cache(layers: &[KvLayer], length: u64) -> KvCache {
        let elements = KvElements::Floats(Dtype::Float16);
        KvCache { layers: layers.to_vec(), elements, length, batch: 1 }
    }

    #[test]
    fn a_full_layer_grows_by_whole_steps() {
        let layers = [KvLayer::Full(HEADS); 3];
        assert_eq!(cache(&layers, 0).bytes(), 0);
        assert_eq!(cache(&layers, 1).bytes(), 3 * 256 * ROW);
        assert_eq!(cache(&layers, 256).bytes(), 3 * 256 * ROW);
    }

    #[test]
    fn beyond_one_step_the_layer_that_grows_is_there_twice() {
        assert_eq!(cache(&[KvLayer::Full(HEADS); 3], 257).bytes(), 4 * 512 * ROW);
    }

    #[test]
    fn a_sliding_layer_stops_at_its_window_and_a_state_does_not_grow() {
        let sliding = KvLayer::Sliding { heads: HEADS, window: 300 };
        assert_eq!(cache(&[sliding], 100).bytes(), 256 * ROW);
        assert_eq!(cache(&[sliding], 9_999).bytes(), 2 * 300 * ROW);
        let state = KvLayer::State(Bytes::kib(7));
        assert_eq!(cache(&[state, KvLayer::State(Bytes::ZERO)], 200).bytes(), 7 * 1024);
    }

    #[test]
    fn a_batch_needs_as_many_caches() {
        let one = cache(&[KvLayer::Full(HEADS)], 100);
        let four = KvCache { batch: 4, ..one.clone() };
        assert_eq!(four.bytes(), one.bytes() * 4);
    }

    #[test]
    fn quantized_rows_have_scales_and_biases_for_their_groups() {
        let elements = KvElements::Quantized { bits: 4, group_size: 32, scales: Dtype::Float16 };
        let row = 2 * (64 / 2 + 2 * 2 * 2 + 32 / 2 + 2 * 2);
        let cache = KvCache { elements, ..cache(&[KvLayer::Full(HEADS)], 256) };
        assert_eq!(cache.bytes(), 256 * row);
    }

    #[test]
    fn sizes_beyond_all_numbers_are_the_largest_number() {
        let heads = KvHeads { count: u64::MAX, key_width: u64::MAX, value_width: 1 };
        assert_eq!(cache(&[KvLayer::Full(heads)], u64::MAX).bytes(), Bytes::MAX);
    }
}
