//! ALBERT, which reads phonemes: one layer that is gone through many times.
//!
//! Lan et al., "ALBERT: A Lite BERT for Self-supervised Learning of Language Representations".

use mlx_core::fast::{Activation, Mask, scaled_dot_product_attention};
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Embedding, LayerNorm, LayerNormOptions, Linear, Module, Weights};

use super::config::Albert as Config;
use super::weights::linear;
use crate::Result;

/// The encoder.
#[derive(Module)]
pub(super) struct Albert {
    words: Embedding,
    positions: Embedding,
    types: Embedding,
    norm: LayerNorm,
    widen: Linear,
    layer: Layer,
    rounds: i32,
}

#[derive(Module)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    dense: Linear,
    attention_norm: LayerNorm,
    ffn: Linear,
    ffn_output: Linear,
    norm: LayerNorm,
    heads: i32,
}

impl Albert {
    pub(super) fn load(w: &Weights, config: &Config, tokens: i32) -> Result<Self> {
        // Nothing that speaks looks at the pooled vector.
        w.ignore(|key| key.contains(".pooler.") || key.ends_with("position_ids"));
        let (width, inner) = (config.hidden_size, config.embedding_size);
        let (embeddings, encoder) = (w.at("embeddings"), w.at("encoder"));
        let layer = encoder.at("albert_layer_groups.0.albert_layers.0");
        Ok(Self {
            words: embeddings.embedding("word_embeddings", [tokens, inner])?,
            positions: embeddings
                .embedding("position_embeddings", [config.max_position_embeddings, inner])?,
            types: embeddings.embedding("token_type_embeddings", [2, inner])?,
            norm: norm(&embeddings, "LayerNorm", inner)?,
            widen: linear(&encoder, "embedding_hidden_mapping_in", [width, inner])?,
            layer: Layer::load(&layer, config)?,
            rounds: config.num_hidden_layers,
        })
    }

    /// `[1, length] -> [1, length, width]`.
    pub(super) fn forward(&self, ids: &Array) -> MlxResult<Array> {
        let positions = Array::arange(0..ids.dim(1)?)?.expand_dims(0)?;
        let first_type = Array::from([[0]]);
        let embedded = (self.words.forward(ids)? + self.positions.forward(&positions)?)?;
        let embedded = (embedded + self.types.forward(&first_type)?)?;
        let mut x = self.widen.forward(&self.norm.forward(&embedded)?)?;
        for _ in 0..self.rounds {
            x = self.layer.forward(&x)?;
        }
        Ok(x)
    }
}

impl Layer {
    fn load(w: &Weights, config: &Config) -> Result<Self> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let attention = w.at("attention");
        let square = |name: &str| linear(&attention, name, [width, width]);
        Ok(Self {
            query: square("query")?,
            key: square("key")?,
            value: square("value")?,
            dense: square("dense")?,
            attention_norm: norm(&attention, "LayerNorm", width)?,
            ffn: linear(w, "ffn", [inner, width])?,
            ffn_output: linear(w, "ffn_output", [width, inner])?,
            norm: norm(w, "full_layer_layer_norm", width)?,
            heads: config.num_attention_heads,
        })
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [batch, length, width] = x.dims()?;
        let head = width / self.heads;
        let heads =
            |linear: &Linear| linear.forward(x)?.reshape([batch, length, self.heads, head])?.swapaxes(1, 2);
        let (q, k, v) = (heads(&self.query)?, heads(&self.key)?, heads(&self.value)?);
        let scale = (head as f32).sqrt().recip();
        let seen = scaled_dot_product_attention(&q, &k, &v, scale, Mask::None, None)?;
        let seen = seen.swapaxes(1, 2)?.reshape([batch, length, width])?;
        let x = self.attention_norm.forward(&self.dense.forward_then(&seen, None, Some(x))?)?;
        let inner = self.ffn.forward_then(&x, Some(Activation::GeluApprox), None)?;
        self.norm.forward(&self.ffn_output.forward_then(&inner, None, Some(&x))?)
    }
}

fn norm(w: &Weights, name: &str, width: i32) -> Result<LayerNorm> {
    let options = LayerNormOptions { eps: 1e-12, ..LayerNormOptions::default() };
    Ok(LayerNorm::load(&w.at(name), width, options)?)
}
