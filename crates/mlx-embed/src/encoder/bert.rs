//! BERT and its kind: learned positions, and norms behind what they normalise.
//!
//! Devlin et al., "BERT"; Liu et al., "RoBERTa", which XLM-RoBERTa and CamemBERT follow; Sanh et al., "DistilBERT".

use mlx_core::fast::Activation;
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Embedding, LayerNorm, LayerNormOptions, Linear, Module, Weights};
use serde::Deserialize;
use serde_json::Value;

use super::attention::Attend;
use super::{Encoder, body, config};
use crate::layers::through;
use crate::{Packed, Result};

#[derive(Deserialize)]
struct Config {
    model_type: String,
    vocab_size: i32,
    #[serde(alias = "dim")]
    hidden_size: i32,
    #[serde(alias = "n_layers")]
    num_hidden_layers: usize,
    #[serde(alias = "n_heads")]
    num_attention_heads: i32,
    #[serde(alias = "hidden_dim")]
    intermediate_size: i32,
    #[serde(alias = "activation")]
    hidden_act: String,
    max_position_embeddings: i32,
    type_vocab_size: Option<i32>,
    #[serde(default = "tiny")]
    layer_norm_eps: f32,
    #[serde(default)]
    pad_token_id: i32,
    position_embedding_type: Option<String>,
}

fn tiny() -> f32 {
    1e-12
}

/// What a family calls the parts of a layer.
struct Names {
    bodies: &'static [&'static str],
    layers: &'static str,
    attention: [&'static str; 4],
    attention_norm: &'static str,
    inner: [&'static str; 2],
    output_norm: &'static str,
}

const BERT: Names = Names {
    bodies: &["bert", "roberta"],
    layers: "encoder.layer",
    attention: [
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
    ],
    attention_norm: "attention.output.LayerNorm",
    inner: ["intermediate.dense", "output.dense"],
    output_norm: "output.LayerNorm",
};

const DISTILBERT: Names = Names {
    bodies: &["distilbert"],
    layers: "transformer.layer",
    attention: ["attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin"],
    attention_norm: "sa_layer_norm",
    inner: ["ffn.lin1", "ffn.lin2"],
    output_norm: "output_layer_norm",
};

/// The encoder.
#[derive(Module)]
pub(super) struct Bert {
    words: Embedding,
    positions: Embedding,
    /// What tokens of each segment have in common.
    kinds: Option<Embedding>,
    norm: LayerNorm,
    layers: Vec<Layer>,
    /// The position of a text's first token.
    first: i32,
    longest: i32,
}

/// Attention, then two linear layers; each is added to its input and normalised.
#[derive(Module)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    attention_norm: LayerNorm,
    up: Linear,
    down: Linear,
    output_norm: LayerNorm,
    heads: i32,
    #[module(skip)]
    activation: Activation,
}

pub(super) fn load(w: &Weights, config: &Value) -> Result<Bert> {
    let config: Config = config::read(config)?;
    let others = [("vocab_size", config.vocab_size), ("intermediate_size", config.intermediate_size)];
    config::check_sizes(config.hidden_size, config.num_attention_heads, &others)?;
    if config.position_embedding_type.as_deref().is_some_and(|kind| kind != "absolute") {
        let problem = "position_embedding_type is not `absolute`, which alone is supported";
        return Err(crate::Error::config("config.json", problem));
    }
    let names = if config.model_type == "distilbert" { DISTILBERT } else { BERT };
    // RoBERTa counts positions from the one behind that of padding.
    let first = match config.model_type.as_str() {
        "bert" | "distilbert" => 0,
        _ => config.pad_token_id + 1,
    };
    w.ignore(|key| UNREAD.iter().any(|unread| key.contains(unread)));
    let w = body(w, names.bodies, "embeddings.word_embeddings.weight");
    let (e, hidden) = (w.at("embeddings"), config.hidden_size);
    let norm = norm(&e.at("LayerNorm"), &config)?;
    // A config need not say how many there are.
    let stored = e.shape("token_type_embeddings.weight").and_then(|shape| shape.first().copied());
    let kinds = config.type_vocab_size.or(stored).filter(|&kinds| kinds > 0);
    let kinds = kinds.map(|kinds| e.embedding("token_type_embeddings", [kinds, hidden])).transpose()?;
    Ok(Bert {
        words: e.embedding("word_embeddings", [config.vocab_size, hidden])?,
        positions: e.embedding("position_embeddings", [config.max_position_embeddings, hidden])?,
        kinds,
        norm,
        layers: w
            .each(names.layers, config.num_hidden_layers)
            .map(|w| Layer::load(&w, &names, &config))
            .collect::<Result<_>>()?,
        first,
        longest: config.max_position_embeddings - first,
    })
}

/// Parts of keys that no hidden state needs: heads of other tasks, and numbers that are positions.
const UNREAD: [&str; 7] =
    ["pooler.", "position_ids", "cls.", "lm_head.", "classifier.", "vocab_", "embeddings.token_type_ids"];

fn norm(w: &Weights, config: &Config) -> Result<LayerNorm> {
    let options = LayerNormOptions { eps: config.layer_norm_eps, ..LayerNormOptions::default() };
    Ok(LayerNorm::load(w, config.hidden_size, options)?)
}

impl Layer {
    fn load(w: &Weights, names: &Names, config: &Config) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let linear = |name: &str, shape| w.linear_with_bias(name, shape, true);
        let [query, key, value, output] = names.attention.map(|name| linear(name, [hidden, hidden]));
        let [up, down] = names.inner;
        Ok(Self {
            query: query?,
            key: key?,
            value: value?,
            output: output?,
            attention_norm: norm(&w.at(names.attention_norm), config)?,
            up: linear(up, [inner, hidden])?,
            down: linear(down, [hidden, inner])?,
            output_norm: norm(&w.at(names.output_norm), config)?,
            heads: config.num_attention_heads,
            activation: config::activation("hidden_act", &config.hidden_act)?,
        })
    }

    fn forward(&self, x: &Array, texts: &Packed) -> MlxResult<Array> {
        let [q, k, v] = Linear::forward_each([&self.query, &self.key, &self.value], x)?;
        let attend = Attend { heads: self.heads, rope: None, reach: None };
        let seen = attend.forward(texts, [&q, &k, &v])?;
        let x = self.attention_norm.forward(&self.output.forward_then(&seen, None, Some(x))?)?;
        let inner = self.up.forward_then(&x, Some(self.activation), None)?;
        self.output_norm.forward(&self.down.forward_then(&inner, None, Some(&x))?)
    }
}

impl Encoder for Bert {
    fn forward(&self, texts: &Packed) -> MlxResult<Array> {
        let (tokens, places) = (texts.tokens()?, texts.places(self.first)?);
        let mut x = (self.words.forward(&tokens)? + self.positions.forward(&places)?)?;
        if let Some(kinds) = &self.kinds {
            let of_tokens = texts.kinds()?.unwrap_or_else(|| Array::from(0));
            x = (x + kinds.forward(&of_tokens)?)?;
        }
        through(&self.layers, self.norm.forward(&x)?, |layer, x| layer.forward(x, texts))
    }

    fn longest(&self) -> Option<usize> {
        usize::try_from(self.longest).ok()
    }
}
