//! The size of what is in the works while a decoder reads a prompt.

use mlx_core::{Device, Dtype, cpu};

use crate::Bytes;

/// One step of a decoder through a prompt.
///
/// MLX frees what an op used when the op has run, and starts ops well before that. On the CPU about one layer's arrays
/// are there at a time, however many layers there are; how many arrays that is was measured. A GPU lags behind by many
/// layers, by how many depends on its speed: what is said for one is about the most that was measured with CUDA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefill {
    /// Tokens of a text that run together.
    pub chunk: u64,
    /// Tokens of that text which are seen after the step.
    pub length: u64,
    /// Texts that run together.
    pub batch: u64,
    /// The width of hidden states.
    pub hidden: u64,
    /// The width within an MLP; of all experts together that see a token.
    pub inner: u64,
    /// What a layer that carries a state on works with for each token, beside hidden states; zero without such layers.
    pub recurrent: Bytes,
    /// Layers.
    pub layers: u64,
    /// Query heads.
    pub heads: u64,
    /// The width of a query head.
    pub head_width: u64,
    /// Tokens that have a score, which are computed for the last token alone.
    pub vocabulary: u64,
    /// What is computed in.
    pub dtype: Dtype,
    /// Whether attention is computed step by step, as it is where keys are quantized or scores capped.
    pub step_by_step: bool,
    /// What computes. The CPU holds the scores of attention for all pairs of tokens, a GPU those of `float32` only,
    /// unless it goes step by step.
    pub device: Device,
}

/// Bytes that are there at a time for each element of a token's vectors.
struct Live {
    hidden: u64,
    inner: u64,
    queries: u64,
}

/// Those of `float32`.
const WIDE: Live = Live { hidden: 16, inner: 14, queries: 22 };

/// Those of `float32` with the kernels of [`mlx_core::cpu`], of which a layer needs fewer, so that more is begun ahead.
const WIDE_IN_KERNELS: Live = Live { inner: 20, queries: 30, ..WIDE };

/// Those of 16-bit floats, whose norms are computed in `float32`.
const NARROW: Live = Live { hidden: 26, inner: 8, queries: 4 };

/// Those of 16-bit floats with the kernels.
const NARROW_IN_KERNELS: Live = Live { inner: 9, queries: 7, ..NARROW };

/// How many layers a GPU lags behind at most.
const LAG: u64 = 16;

/// Vectors of a layer's widths that are there at a time on a GPU.
const VECTORS: u64 = 5;

/// Bytes for each pair of tokens that masks take.
const MASKS: u64 = 3;

/// Copies of the vocabulary's scores while a token is drawn.
const DRAWN: u64 = 3;

impl Prefill {
    /// All that is there at a time, beside weights and cache.
    pub fn bytes(&self) -> Bytes {
        let layers =
            if self.device.is_cpu() { self.layer(cpu::level().is_some()) } else { self.lagging_layers() };
        layers.max(self.scores())
    }

    /// What one layer needs for the chunk, with kernels or with MLX's own ops.
    fn layer(&self, kernels: bool) -> Bytes {
        let live = match (self.dtype.size() < 4, kernels) {
            (true, true) => &NARROW_IN_KERNELS,
            (true, false) => &NARROW,
            (false, true) => &WIDE_IN_KERNELS,
            (false, false) => &WIDE,
        };
        let queries = Bytes::new(live.queries) * self.heads * self.head_width;
        let tokens = self.chunk.saturating_mul(self.batch);
        let attending = (Bytes::new(live.inner) * self.inner + queries) * tokens + self.attention();
        Bytes::new(live.hidden) * self.hidden * tokens + attending.max(self.recurrent * tokens)
    }

    /// What the layers need that a GPU has not yet done.
    fn lagging_layers(&self) -> Bytes {
        let size = Bytes::from(self.dtype.size());
        let widths = size * self.inner
            + size * (self.hidden / 2)
            + size * (self.heads.saturating_mul(self.head_width) / 2);
        let vectors = (widths * VECTORS).max(self.recurrent) * self.chunk;
        let scores = if self.dtype.size() < 4 && !self.step_by_step {
            Bytes::ZERO
        } else {
            size * self.heads * self.chunk * self.length
        };
        (vectors + scores.fraction(1.5)) * self.batch * self.layers.min(LAG)
    }

    /// What attention needs for each pair of tokens.
    fn attention(&self) -> Bytes {
        let pair = Bytes::from(self.dtype.size()) * self.heads * self.batch + Bytes::new(MASKS);
        pair * self.chunk * self.length
    }

    /// What the choice of the next token needs.
    fn scores(&self) -> Bytes {
        Bytes::from(self.dtype.size().max(4)) * DRAWN * self.vocabulary * self.batch
    }
}

impl From<&Prefill> for Bytes {
    fn from(prefill: &Prefill) -> Self {
        prefill.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Prefill = Prefill {
        chunk: 128,
        length: 128,
        batch: 1,
        hidden: 64,
        inner: 256,
        recurrent: Bytes::ZERO,
        layers: 4,
        heads: 4,
        head_width: 16,
        vocabulary: 64,
        dtype: Dtype::Float32,
        step_by_step: false,
        device: Device::Cpu,
    };

    /// What MLX's peak was on the CPU with its own ops, beside weights and cache, for Llamas of four layers with this geometry:
    /// chunk, length, batch, hidden, inner, heads, head width.
    const MEASURED: &[([u64; 7], Dtype, u64)] = &[
        ([384, 384, 1, 96, 192, 6, 32], Dtype::Float32, 7_233_076),
        ([128, 1152, 1, 384, 1152, 12, 32], Dtype::Float32, 12_556_336),
        ([64, 64, 1, 256, 1024, 8, 32], Dtype::Float32, 1_602_664),
        ([64, 64, 2, 512, 1024, 8, 64], Dtype::Float32, 4_347_496),
        ([192, 1216, 1, 384, 768, 12, 32], Dtype::Float32, 17_157_936),
        ([64, 64, 1, 384, 1536, 12, 64], Dtype::Float32, 2_970_672),
        ([128, 1152, 1, 96, 192, 12, 16], Dtype::Bfloat16, 4_472_918),
        ([192, 1216, 1, 384, 1536, 12, 32], Dtype::Bfloat16, 10_558_562),
        ([128, 128, 1, 256, 1024, 8, 32], Dtype::Bfloat16, 2_336_806),
        ([192, 192, 1, 384, 768, 6, 64], Dtype::Bfloat16, 4_186_786),
        ([256, 256, 1, 384, 1536, 12, 32], Dtype::Bfloat16, 8_130_592),
    ];

    #[test]
    fn the_cpu_needs_what_was_measured() {
        for &([chunk, length, batch, hidden, inner, heads, head_width], dtype, measured) in MEASURED {
            let step = Prefill { chunk, length, batch, hidden, inner, heads, head_width, dtype, ..STEP };
            let ratio = step.layer(false).max(step.scores()).get() as f64 / measured as f64;
            assert!((0.9..1.1).contains(&ratio), "{step:?}: {ratio}");
        }
    }

    /// What MLX's peak was on an H100 beside weights and cache, for Llamas with this geometry: chunk, batch, layers,
    /// hidden, inner, heads, head width. It varies from run to run.
    const MEASURED_ON_CUDA: &[([u64; 7], Dtype, u64)] = &[
        ([2048, 1, 30, 576, 1536, 9, 64], Dtype::Float16, 335_809_216),
        ([512, 4, 30, 576, 1536, 9, 64], Dtype::Float16, 320_653_872),
        ([2048, 1, 30, 576, 1536, 9, 64], Dtype::Bfloat16, 369_626_144),
        ([2048, 1, 12, 576, 1536, 9, 64], Dtype::Bfloat16, 312_204_224),
        ([2048, 1, 30, 2048, 8192, 32, 64], Dtype::Float16, 2_197_826_368),
        ([2048, 1, 30, 2048, 8192, 32, 64], Dtype::Bfloat16, 3_628_091_792),
        ([2048, 1, 16, 4096, 14_336, 32, 128], Dtype::Bfloat16, 3_896_519_424),
        ([512, 1, 16, 4096, 14_336, 32, 128], Dtype::Bfloat16, 817_892_288),
        ([2048, 1, 24, 1024, 1024, 16, 64], Dtype::Bfloat16, 436_210_976),
        ([2048, 1, 24, 1024, 8192, 16, 64], Dtype::Bfloat16, 2_185_245_728),
        ([2048, 1, 30, 576, 1536, 9, 64], Dtype::Float32, 3_274_736_224),
        ([2048, 1, 30, 2048, 8192, 32, 64], Dtype::Float32, 18_984_764_128),
    ];

    #[test]
    fn a_gpu_needs_about_the_most_that_was_measured() {
        for &([chunk, batch, layers, hidden, inner, heads, head_width], dtype, measured) in MEASURED_ON_CUDA {
            let device = Device::Gpu(0);
            let step = Prefill {
                chunk,
                length: chunk,
                batch,
                layers,
                hidden,
                inner,
                heads,
                head_width,
                dtype,
                device,
                ..STEP
            };
            let ratio = step.bytes().get() as f64 / measured as f64;
            assert!((0.9..2.5).contains(&ratio), "{step:?}: {ratio}");
        }
    }

    #[test]
    fn attention_grows_with_the_tokens_seen_except_on_a_gpu_in_16_bits() {
        let step = |length, device, dtype| Prefill { length, device, dtype, ..STEP }.bytes();
        let long = |device, dtype| step(100_000, device, dtype);
        assert!(long(Device::Cpu, Dtype::Float32) > STEP.bytes() * 20);
        assert!(long(Device::Gpu(0), Dtype::Float32) > STEP.bytes() * 20);
        let narrow = Dtype::Bfloat16;
        assert_eq!(long(Device::Gpu(0), narrow), step(128, Device::Gpu(0), narrow));
        let narrow = Prefill { device: Device::Gpu(0), dtype: narrow, step_by_step: true, ..STEP };
        assert!(Prefill { length: 100_000, ..narrow }.bytes() > narrow.bytes() * 20);
    }

    #[test]
    fn a_smaller_chunk_and_a_smaller_batch_need_less() {
        let bytes = |chunk, batch| Prefill { chunk, batch, length: 4096, ..STEP }.bytes();
        assert!(bytes(512, 1) < bytes(1024, 1));
        assert!(bytes(512, 1) < bytes(512, 2));
    }

    #[test]
    fn one_token_needs_the_scores_of_a_large_vocabulary() {
        let step = Prefill { chunk: 1, vocabulary: 100_000, ..STEP };
        assert_eq!(step.bytes(), 3 * 4 * 100_000);
    }

    #[test]
    fn sizes_beyond_all_numbers_are_the_largest_number() {
        assert_eq!(Prefill { chunk: u64::MAX, hidden: u64::MAX, ..STEP }.bytes(), Bytes::MAX);
    }
}
