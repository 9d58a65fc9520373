//! Nomic's BERT: RoPE in the place of learned positions, and gated layers.
//!
//! Nussbaum et al., "Nomic Embed: Training a Reproducible Long Context Text Embedder".

use mlx_core::fast::Activation;
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Embedding, LayerNorm, LayerNormOptions, Linear, Module, Rope, Weights};
use serde::Deserialize;
use serde_json::Value;

use super::attention::Attend;
use super::modern_bert::thirds;
use super::{Encoder, config};
use crate::layers::through;
use crate::{Error, Packed, Result};

/// The publisher's names of fields are those of GPT-2; transformers has names of its own.
#[derive(Deserialize)]
struct Config {
    vocab_size: i32,
    #[serde(alias = "n_embd")]
    hidden_size: i32,
    #[serde(alias = "n_layer")]
    num_hidden_layers: usize,
    #[serde(alias = "n_head")]
    num_attention_heads: i32,
    #[serde(alias = "n_inner")]
    intermediate_size: i32,
    #[serde(alias = "n_positions")]
    max_position_embeddings: Option<usize>,
    #[serde(default = "two")]
    type_vocab_size: i32,
    #[serde(alias = "layer_norm_epsilon", default = "tiny")]
    layer_norm_eps: f32,
    rotary_emb_base: Option<f32>,
    rope_parameters: Option<RopeParameters>,
    rotary_emb_fraction: Option<f32>,
    #[serde(default)]
    rotary_emb_interleaved: bool,
    #[serde(default)]
    prenorm: bool,
    #[serde(default)]
    qkv_proj_bias: bool,
    #[serde(default)]
    mlp_fc1_bias: bool,
    activation_function: Option<String>,
}

#[derive(Deserialize)]
struct RopeParameters {
    rope_theta: f32,
}

fn two() -> i32 {
    2
}

fn tiny() -> f32 {
    1e-12
}

impl Config {
    /// Refuses what the family's embedding models do not have.
    fn check(&self) -> Result<()> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("intermediate_size", self.intermediate_size),
            ("type_vocab_size", self.type_vocab_size),
        ];
        config::check_sizes(self.hidden_size, self.num_attention_heads, &sizes)?;
        let others = [
            ("rotary_emb_fraction", self.rotary_emb_fraction.is_some_and(|part| part != 1.0)),
            ("rotary_emb_interleaved", self.rotary_emb_interleaved),
            ("prenorm", self.prenorm),
            ("qkv_proj_bias", self.qkv_proj_bias),
            ("mlp_fc1_bias", self.mlp_fc1_bias),
            ("activation_function", self.activation_function.as_deref().is_some_and(|name| name != "swiglu")),
        ];
        match others.iter().find(|(_, found)| *found) {
            Some((field, _)) => {
                Err(Error::config("config.json", format!("{field} of a `nomic_bert` is not supported")))
            }
            None => Ok(()),
        }
    }

    fn norm(&self, w: &Weights) -> Result<LayerNorm> {
        let options = LayerNormOptions { eps: self.layer_norm_eps, ..LayerNormOptions::default() };
        Ok(LayerNorm::load(w, self.hidden_size, options)?)
    }

    fn theta(&self) -> f32 {
        let given = self.rope_parameters.as_ref().map(|parameters| parameters.rope_theta);
        given.or(self.rotary_emb_base).unwrap_or(1000.0)
    }
}

/// The encoder.
#[derive(Module)]
pub(super) struct NomicBert {
    words: Embedding,
    /// The vector of tokens of a first segment, which all are.
    kind: Array,
    norm: LayerNorm,
    layers: Vec<Layer>,
    #[module(skip)]
    longest: Option<usize>,
}

/// Attention and a gated layer, each added to its input and normalised.
#[derive(Module)]
struct Layer {
    projections: Projections,
    output: Linear,
    attention_norm: LayerNorm,
    gate: Linear,
    up: Linear,
    down: Linear,
    output_norm: LayerNorm,
    rope: Rope,
    heads: i32,
}

/// How queries, keys and values are stored.
#[derive(Module)]
#[expect(clippy::large_enum_variant, reason = "one for each layer, made once")]
enum Projections {
    Fused { qkv: Linear },
    Apart { query: Linear, key: Linear, value: Linear },
}

pub(super) fn load(w: &Weights, config: &Value) -> Result<NomicBert> {
    let config: Config = config::read(config)?;
    config.check()?;
    w.ignore(|key| key.starts_with("pooler.") || key.starts_with("cls."));
    let own = w.contains("emb_ln.weight");
    let (e, hidden) = (w.at("embeddings"), config.hidden_size);
    let kinds = e.embedding("token_type_embeddings", [config.type_vocab_size, hidden])?;
    let layers = w.each(if own { "encoder.layers" } else { "layers" }, config.num_hidden_layers);
    Ok(NomicBert {
        words: e.embedding("word_embeddings", [config.vocab_size, hidden])?,
        kind: kinds.forward(&Array::from(0))?,
        norm: config.norm(&if own { w.at("emb_ln") } else { e.at("LayerNorm") })?,
        layers: layers.map(|w| Layer::load(&w, own, &config)).collect::<Result<_>>()?,
        longest: config.max_position_embeddings,
    })
}

impl Layer {
    /// The layer by the publisher's own names, or by those of transformers.
    fn load(w: &Weights, own: bool, config: &Config) -> Result<Self> {
        let (hidden, inner, heads) =
            (config.hidden_size, config.intermediate_size, config.num_attention_heads);
        let [output, gate, up, down, attention_norm, output_norm] = match own {
            true => ["attn.out_proj", "mlp.fc12", "mlp.fc11", "mlp.fc2", "norm1", "norm2"],
            false => [
                "self_attn.o_proj",
                "mlp.gate_proj",
                "mlp.up_proj",
                "mlp.down_proj",
                "post_attention_layernorm",
                "post_mlp_layernorm",
            ],
        };
        let square = |name| w.linear(name, [hidden, hidden]);
        let projections = match own {
            true => Projections::Fused { qkv: w.linear("attn.Wqkv", [3 * hidden, hidden])? },
            false => Projections::Apart {
                query: square("self_attn.q_proj")?,
                key: square("self_attn.k_proj")?,
                value: square("self_attn.v_proj")?,
            },
        };
        Ok(Self {
            projections,
            output: square(output)?,
            attention_norm: config.norm(&w.at(attention_norm))?,
            gate: w.linear(gate, [inner, hidden])?,
            up: w.linear(up, [inner, hidden])?,
            down: w.linear(down, [hidden, inner])?,
            output_norm: config.norm(&w.at(output_norm))?,
            rope: Rope::new(hidden / heads, config.theta(), None, false, 0)?,
            heads,
        })
    }

    fn forward(&self, x: &Array, texts: &Packed) -> MlxResult<Array> {
        let [q, k, v] = match &self.projections {
            Projections::Fused { qkv } => thirds(&qkv.forward(x)?)?,
            Projections::Apart { query, key, value } => Linear::forward_each([query, key, value], x)?,
        };
        let attend = Attend { heads: self.heads, rope: Some(&self.rope), reach: None };
        let seen = attend.forward(texts, [&q, &k, &v])?;
        let x = self.attention_norm.forward(&self.output.forward_then(&seen, None, Some(x))?)?;
        let inner = Linear::feed_forward([&self.gate, &self.up, &self.down], Activation::Silu, &x)?;
        self.output_norm.forward(&(x + inner)?)
    }
}

impl Encoder for NomicBert {
    fn forward(&self, texts: &Packed) -> MlxResult<Array> {
        let x = self.norm.forward(&(self.words.forward(&texts.tokens()?)? + &self.kind)?)?;
        through(&self.layers, x, |layer, x| layer.forward(x, texts))
    }

    fn longest(&self) -> Option<usize> {
        self.longest
    }
}
