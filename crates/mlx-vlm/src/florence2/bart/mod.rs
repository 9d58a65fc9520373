//! BART: an encoder of texts and a decoder that sees what it gives.
//!
//! Lewis et al., "BART: Denoising Sequence-to-Sequence Pre-training for Natural Language Generation, Translation, and
//! Comprehension".

mod attention;
mod layer;

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Embedding, Head, LayerNorm, Module, Weights};

use self::attention::Memory;
use self::layer::{DecoderLayer, EncoderLayer};
use super::config::Text;
use super::davit::norm;
use crate::Result;

/// The encoder, the decoder and what they share.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Bart {
    shared: Embedding,
    scale: Option<f32>,
    encoder: Side<EncoderLayer>,
    decoder: Side<DecoderLayer>,
    head: Head,
}

#[derive(Module)]
#[module(no_tree)]
struct Side<L> {
    positions: Embedding,
    norm: LayerNorm,
    layers: Vec<L>,
}

/// What the decoder sees of the encoder, and what it wrote in some rows.
#[derive(Clone)]
pub(super) struct Written {
    layers: Vec<(Memory, Option<Memory>)>,
    length: i32,
}

/// Positions begin behind those that padding once had.
const FIRST: i32 = 2;

impl Bart {
    pub(super) fn load(w: &Weights, config: &Text) -> Result<Self> {
        let text = w.at("language_model");
        let table = ["shared", "encoder.embed_tokens", "decoder.embed_tokens"];
        let stored = table.into_iter().find(|name| text.at(name).contains("weight")).unwrap_or("shared");
        let shared = text.embedding(stored, [config.vocab_size, config.d_model])?;
        text.ignore(|name| name.contains(".embed_tokens.") || name.ends_with(".final_logits_bias"));
        let tied = !w.contains("lm_head.weight");
        Ok(Self {
            head: w.head("lm_head", &shared, tied)?,
            shared,
            scale: config.scale_embedding.then(|| (config.d_model as f32).sqrt()),
            encoder: Side::load(&text.at("encoder"), config, config.encoder_layers, EncoderLayer::load)?,
            decoder: Side::load(&text.at("decoder"), config, config.decoder_layers, DecoderLayer::load)?,
        })
    }

    /// Tokens to their vectors, `[1, length, width]`.
    pub(super) fn embed(&self, tokens: &[u32]) -> MlxResult<Array> {
        let tokens = Array::from_slice(tokens, [1, i32::try_from(tokens.len()).unwrap_or(i32::MAX)])?;
        self.vectors(&tokens)
    }

    fn vectors(&self, tokens: &Array) -> MlxResult<Array> {
        let x = self.shared.forward(tokens)?;
        match self.scale {
            Some(scale) => x * scale,
            None => Ok(x),
        }
    }

    /// Vectors `[1, length, width]` to what the decoder sees of them, each of all others.
    pub(super) fn encode(&self, vectors: &Array) -> MlxResult<Array> {
        let mut x = self.encoder.begin(vectors, 0)?;
        for layer in &self.encoder.layers {
            x = layer.forward(&x)?;
        }
        Ok(x)
    }

    /// An empty text about what the encoder gave.
    pub(super) fn about(&self, encoded: &Array) -> MlxResult<Written> {
        let layers = self.decoder.layers.iter().map(|layer| Ok((layer.memory(encoded)?, None)));
        Ok(Written { layers: layers.collect::<MlxResult<_>>()?, length: 0 })
    }

    /// Scores `[rows, length, vocabulary]` of what follows each of `tokens` `[rows, length]`, which follow those written.
    pub(super) fn decode(&self, tokens: &Array, written: &mut Written) -> MlxResult<Array> {
        let mut x = self.decoder.begin(&self.vectors(tokens)?, written.length)?;
        written.length += tokens.dim(1)?;
        for (layer, (seen, own)) in self.decoder.layers.iter().zip(&mut written.layers) {
            x = layer.forward(&x, seen, own)?;
        }
        self.head.forward(&x, &self.shared)
    }
}

impl<L: Module> Side<L> {
    fn load(
        w: &Weights,
        config: &Text,
        layers: usize,
        load: impl Fn(&Weights, &Text) -> Result<L>,
    ) -> Result<Self> {
        let shape = [config.max_position_embeddings + FIRST, config.d_model];
        Ok(Self {
            positions: w.embedding("embed_positions", shape)?,
            norm: norm(w, "layernorm_embedding", config.d_model)?,
            layers: w.each("layers", layers).map(|w| load(&w, config)).collect::<Result<_>>()?,
        })
    }

    /// Vectors with their positions, the first of which is at `from`.
    fn begin(&self, vectors: &Array, from: i32) -> MlxResult<Array> {
        let length = vectors.dim(1)?;
        let places: Vec<i32> = (0..length).map(|at| FIRST + from + at).collect();
        let places = self.positions.forward(&Array::from_slice(&places, [length])?)?;
        self.norm.forward(&(vectors + places)?)
    }
}

impl Written {
    /// Goes on with these rows, one of which may come more than once.
    pub(super) fn take_rows(&mut self, rows: &[i32]) -> MlxResult<()> {
        let rows = Array::from_slice(rows, [i32::try_from(rows.len()).unwrap_or(i32::MAX)])?;
        for (_, own) in &mut self.layers {
            *own = own.as_ref().map(|own| own.rows(&rows)).transpose()?;
        }
        Ok(())
    }
}
