//! From hidden states to scores of words: the head that models of masked words are trained with.

use mlx_core::fast::Activation;
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{LayerNorm, LayerNormOptions, Linear, Weights};
use serde::Deserialize;
use serde_json::Value;

use crate::encoder::{self, parse};
use crate::{Error, Result};

/// A layer with a norm, and the embedding as the matrix of scores.
pub(super) struct WordHead {
    dense: Linear,
    activation: Activation,
    norm: LayerNorm,
    words: Linear,
}

#[derive(Deserialize)]
struct Config {
    model_type: String,
    vocab_size: i32,
    #[serde(alias = "dim")]
    hidden_size: i32,
    #[serde(alias = "activation")]
    hidden_act: Option<String>,
    #[serde(default = "tiny", alias = "norm_eps")]
    layer_norm_eps: f32,
}

fn tiny() -> f32 {
    1e-12
}

/// What a family calls the parts of its head.
struct Names {
    dense: &'static str,
    norm: &'static str,
    /// Where the matrix of scores may be: that of the head, or else the embedding.
    words: [&'static str; 2],
    bias: [&'static str; 2],
    /// The activation, where it is not that of the encoder.
    activation: Option<Activation>,
}

const BERT: Names = Names {
    dense: "cls.predictions.transform.dense",
    norm: "cls.predictions.transform.LayerNorm",
    words: ["cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"],
    bias: ["cls.predictions.bias", "cls.predictions.decoder.bias"],
    activation: None,
};
const ROBERTA: Names = Names {
    dense: "lm_head.dense",
    norm: "lm_head.layer_norm",
    words: ["lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight"],
    bias: ["lm_head.bias", "lm_head.decoder.bias"],
    activation: Some(Activation::Gelu),
};
const DISTILBERT: Names = Names {
    dense: "vocab_transform",
    norm: "vocab_layer_norm",
    words: ["vocab_projector.weight", "distilbert.embeddings.word_embeddings.weight"],
    bias: ["vocab_projector.bias", "vocab_projector.bias"],
    activation: None,
};

impl WordHead {
    /// The head by the names of its family.
    pub(super) fn load(w: &Weights, config: &Value) -> Result<Self> {
        let config: Config = parse("config.json", config)?;
        let names = match config.model_type.as_str() {
            "bert" => BERT,
            "roberta" | "xlm-roberta" | "camembert" => ROBERTA,
            "distilbert" => DISTILBERT,
            other => {
                let problem = format!("a `{other}` with scores of words is not supported");
                return Err(Error::config("config.json", problem));
            }
        };
        let (hidden, vocabulary) = (config.hidden_size, config.vocab_size);
        if !w.contains(&format!("{}.weight", names.dense)) {
            let problem = format!("has no {}: it gives no scores to words", names.dense);
            return Err(Error::config("the checkpoint", problem));
        }
        let stored = |all: [&'static str; 2]| all.into_iter().find(|name| w.contains(name)).unwrap_or(all[0]);
        let words = w.array(stored(names.words), [vocabulary, hidden])?;
        let bias = w.array(stored(names.bias), [vocabulary])?;
        let activation = match names.activation {
            Some(activation) => activation,
            None => encoder::activation("hidden_act", config.hidden_act.as_deref().unwrap_or("gelu"))?,
        };
        let options = LayerNormOptions { eps: config.layer_norm_eps, ..LayerNormOptions::default() };
        Ok(Self {
            dense: w.linear_with_bias(names.dense, [hidden, hidden], true)?,
            activation,
            norm: LayerNorm::load(&w.at(names.norm), hidden, options)?,
            words: Linear::new(words, Some(bias)),
        })
    }

    /// `[tokens, hidden] -> [tokens, vocabulary]`.
    pub(super) fn forward(&self, hidden: &Array) -> MlxResult<Array> {
        let x = self.dense.forward_then(hidden, Some(self.activation), None)?;
        self.words.forward(&self.norm.forward(&x)?)
    }
}
