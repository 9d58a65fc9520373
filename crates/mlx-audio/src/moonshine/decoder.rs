//! From what was heard and written to scores of the next token.

use mlx_core::fast::{Activation, Mask, gated};
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Embedding, Head, LayerNorm, Linear, Module, Weights};

use super::attention::Attention;
use super::config::{Config, Sizes};
use super::encoder::{Encoded, masked, norm};
use crate::Result;
use crate::whisper::Memory;

/// Layers that see what was written, and what the encoder gave.
#[derive(Module)]
pub(super) struct Decoder {
    embed_tokens: Embedding,
    layers: Vec<Layer>,
    norm: LayerNorm,
    proj_out: Head,
}

#[derive(Module)]
struct Layer {
    self_attn: Attention,
    encoder_attn: Attention,
    fc1: Linear,
    fc2: Linear,
    input_layernorm: LayerNorm,
    post_attention_layernorm: LayerNorm,
    final_layernorm: LayerNorm,
}

/// What the decoder heard in some recordings, and wrote about each in a row.
pub(super) struct Heard {
    layers: Vec<(Memory, Option<Memory>)>,
    mask: Option<Array>,
    /// How many tokens were written in each row.
    pub(super) written: i32,
}

impl Decoder {
    /// The decoder of a checkpoint, of which `w` is the root.
    pub(super) fn load(w: &Weights, config: &Config) -> Result<Self> {
        let (sizes, head) = (config.decoder()?, w);
        let w = w.at("decoder");
        let embed_tokens = w.embedding("embed_tokens", [config.vocab_size, sizes.width])?;
        Ok(Self {
            proj_out: head.head("proj_out", &embed_tokens, config.tie_word_embeddings)?,
            embed_tokens,
            layers: w.each("layers", sizes.layers).map(|w| Layer::load(&w, sizes)).collect::<Result<_>>()?,
            norm: norm(&w, "norm", sizes.width)?,
        })
    }

    /// What the decoder remembers of recordings.
    pub(super) fn hear(&self, encoded: Encoded) -> MlxResult<Heard> {
        let Encoded { states, mask } = encoded;
        let layers = self.layers.iter().map(|layer| Ok((layer.encoder_attn.memory(&states, None)?, None)));
        Ok(Heard { layers: layers.collect::<MlxResult<_>>()?, mask, written: 0 })
    }

    /// Scores behind each of `tokens` `[rows, length]`, which follow those in `heard`: `[rows, length, vocabulary]`.
    pub(super) fn forward(&self, tokens: &Array, heard: &mut Heard) -> MlxResult<Array> {
        let mut x = self.embed_tokens.forward(tokens)?;
        let (from, mask) = (heard.written, heard.mask.as_ref());
        for (layer, (sound, written)) in self.layers.iter().zip(&mut heard.layers) {
            x = layer.forward(&x, (sound, mask), written, from)?;
        }
        heard.written += tokens.dim(1)?;
        self.proj_out.forward(&self.norm.forward(&x)?, &self.embed_tokens)
    }
}

impl Layer {
    fn load(w: &Weights, sizes: Sizes) -> Result<Self> {
        let Sizes { width, inner, .. } = sizes;
        Ok(Self {
            self_attn: Attention::load(&w.at("self_attn"), sizes)?,
            encoder_attn: Attention::load(&w.at("encoder_attn"), sizes)?,
            fc1: w.linear_with_bias("mlp.fc1", [2 * inner, width], true)?,
            fc2: w.linear_with_bias("mlp.fc2", [width, inner], true)?,
            input_layernorm: norm(w, "input_layernorm", width)?,
            post_attention_layernorm: norm(w, "post_attention_layernorm", width)?,
            final_layernorm: norm(w, "final_layernorm", width)?,
        })
    }

    fn forward(
        &self,
        x: &Array,
        (sound, mask): (&Memory, Option<&Array>),
        written: &mut Option<Memory>,
        from: i32,
    ) -> MlxResult<Array> {
        let normed = self.input_layernorm.forward(x)?;
        let new = self.self_attn.memory(&normed, Some(from))?;
        let all = match written.take() {
            Some(before) => before.then(&new)?,
            None => new,
        };
        let x = self.self_attn.forward([x, &normed], &all, Mask::Causal, Some(from))?;
        *written = Some(all);
        let normed = self.post_attention_layernorm.forward(&x)?;
        let x = self.encoder_attn.forward([&x, &normed], sound, masked(mask), None)?;
        let inner = self.fc1.forward(&self.final_layernorm.forward(&x)?)?;
        let halves = inner.split(2, -1)?;
        let inner = match halves.as_slice() {
            [values, gate] => gated(Activation::Silu, gate, values)?,
            _ => inner,
        };
        self.fc2.forward_then(&inner, None, Some(&x))
    }
}
