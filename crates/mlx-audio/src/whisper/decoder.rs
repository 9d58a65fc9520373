//! From what was heard and written to scores of the next token.

use mlx_core::fast::Mask;
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Embedding, LayerNorm, Module, Weights};

use super::attention::{Attention, Memory};
use super::encoder::{FeedForward, norm};
use super::sizes::Sizes;
use crate::Result;
use crate::convolution::zeros;

/// Layers that see what was written, and what the encoder gave.
#[derive(Module)]
pub(super) struct Decoder {
    embed_tokens: Embedding,
    positions: Array,
    layers: Vec<Layer>,
    layer_norm: LayerNorm,
}

#[derive(Module)]
struct Layer {
    self_attn: Attention,
    self_attn_layer_norm: LayerNorm,
    encoder_attn: Attention,
    encoder_attn_layer_norm: LayerNorm,
    #[module(flatten)]
    feed_forward: FeedForward,
}

/// What the decoder heard in some windows, and wrote about them in rows, of which each window has as many.
#[derive(Clone)]
pub(super) struct Heard {
    layers: Vec<(Memory, Option<Memory>)>,
}

impl Decoder {
    pub(super) fn load(w: &Weights, sizes: &Sizes) -> Result<Self> {
        let Sizes { width, heads: [_, heads], layers: [_, layers], .. } = *sizes;
        Ok(Self {
            embed_tokens: w.embedding("embed_tokens", [sizes.vocabulary, width])?,
            positions: w.parameter("embed_positions.weight", [sizes.text_context, width], zeros)?,
            layers: w.each("layers", layers).map(|w| Layer::load(&w, width, heads)).collect::<Result<_>>()?,
            layer_norm: norm(w, "layer_norm", width)?,
        })
    }

    /// What the decoder remembers of windows `[windows, frames, width]` of the encoder.
    pub(super) fn hear(&self, encoded: &Array) -> MlxResult<Heard> {
        let layers = self.layers.iter().map(|layer| Ok((layer.encoder_attn.memory(encoded)?, None)));
        Ok(Heard { layers: layers.collect::<MlxResult<_>>()? })
    }

    /// Hidden states behind each of `tokens` `[rows, length]`, which follow those in `heard`: `[rows, length, width]`.
    pub(super) fn forward(&self, tokens: &Array, heard: &mut Heard) -> MlxResult<Array> {
        let mut x = self.embed(tokens, heard.length()?)?;
        for (layer, (sound, written)) in self.layers.iter().zip(&mut heard.layers) {
            x = layer.forward(&x, sound, written)?;
        }
        self.layer_norm.forward(&x)
    }

    /// Such states to scores of the next token, `[…, vocabulary]`.
    pub(super) fn scores(&self, states: &Array) -> MlxResult<Array> {
        self.embed_tokens.as_linear(states)
    }

    /// As [`forward`](Self::forward) for one text from its beginning, with the scores that `heads` (layer, head) give each
    /// place of the sound, before their softmax: `[heads, length, frames]`.
    pub(super) fn attend(
        &self,
        tokens: &Array,
        heard: &Heard,
        heads: &[[i32; 2]],
    ) -> MlxResult<(Array, Vec<Array>)> {
        let mut x = self.embed(tokens, 0)?;
        let mut scores = Vec::with_capacity(heads.len());
        for (at, (layer, (sound, _))) in (0..).zip(self.layers.iter().zip(&heard.layers)) {
            let heads = heads.iter().filter(|[layer, _]| *layer == at).map(|[_, head]| *head);
            let (next, seen) = layer.attend(&x, sound, heads)?;
            scores.extend(seen);
            x = next;
        }
        Ok((self.layer_norm.forward(&x)?, scores))
    }

    fn embed(&self, tokens: &Array, from: i32) -> MlxResult<Array> {
        let to = from + tokens.dim(1)?;
        self.embed_tokens.forward(tokens)? + self.positions.index(from..to)?
    }
}

impl Layer {
    fn load(w: &Weights, width: i32, heads: i32) -> Result<Self> {
        Ok(Self {
            self_attn: Attention::load(&w.at("self_attn"), width, heads, false)?,
            self_attn_layer_norm: norm(w, "self_attn_layer_norm", width)?,
            encoder_attn: Attention::load(&w.at("encoder_attn"), width, heads, false)?,
            encoder_attn_layer_norm: norm(w, "encoder_attn_layer_norm", width)?,
            feed_forward: FeedForward::load(w, width, 4 * width)?,
        })
    }

    fn forward(&self, x: &Array, sound: &Memory, written: &mut Option<Memory>) -> MlxResult<Array> {
        let x = self.read(x, written)?;
        let normed = self.encoder_attn_layer_norm.forward(&x)?;
        self.feed_forward.forward(&self.encoder_attn.forward(&normed, sound, Mask::None, &x)?)
    }

    /// As [`forward`](Self::forward), with what some heads make of the sound.
    fn attend(
        &self,
        x: &Array,
        sound: &Memory,
        heads: impl Iterator<Item = i32>,
    ) -> MlxResult<(Array, Vec<Array>)> {
        let x = self.read(x, &mut None)?;
        let normed = self.encoder_attn_layer_norm.forward(&x)?;
        let scores = self.encoder_attn.scores(&normed, sound)?;
        let seen = heads.map(|head| scores.index((0, head))).collect::<MlxResult<_>>()?;
        let x = self.feed_forward.forward(&self.encoder_attn.forward(&normed, sound, Mask::None, &x)?)?;
        Ok((x, seen))
    }

    /// Attention to what was written, to which `x` is added.
    fn read(&self, x: &Array, written: &mut Option<Memory>) -> MlxResult<Array> {
        let normed = self.self_attn_layer_norm.forward(x)?;
        let new = self.self_attn.memory(&normed)?;
        let all = match written.take() {
            Some(before) => before.then(&new)?,
            None => new,
        };
        let seen = self.self_attn.forward(&normed, &all, Mask::Causal, x)?;
        *written = Some(all);
        Ok(seen)
    }
}

impl Heard {
    /// The tokens that were written.
    pub(super) fn length(&self) -> MlxResult<i32> {
        match self.layers.first() {
            Some((_, Some(written))) => written.length(),
            _ => Ok(0),
        }
    }

    /// Gives each row what another wrote, or its own.
    pub(super) fn continue_rows(&mut self, rows: &[i32]) -> MlxResult<()> {
        if (0..).zip(rows).all(|(at, &row)| at == row) && self.rows()? == rows.len() {
            return Ok(());
        }
        let rows = Array::from_slice(rows, [i32::try_from(rows.len()).unwrap_or(i32::MAX)])?;
        for (_, written) in &mut self.layers {
            *written = written.as_ref().map(|written| written.rows(&rows)).transpose()?;
        }
        Ok(())
    }

    fn rows(&self) -> MlxResult<usize> {
        let Some((_, Some(written))) = self.layers.first() else { return Ok(0) };
        let [keys, _] = written.arrays();
        Ok(keys.dim(0)?.unsigned_abs() as usize)
    }

    /// Leaves only these windows, and all rows.
    pub(super) fn keep_windows(&mut self, windows: &[i32]) -> MlxResult<()> {
        let windows = Array::from_slice(windows, [i32::try_from(windows.len()).unwrap_or(i32::MAX)])?;
        for (sound, _) in &mut self.layers {
            *sound = sound.rows(&windows)?;
        }
        Ok(())
    }
}
