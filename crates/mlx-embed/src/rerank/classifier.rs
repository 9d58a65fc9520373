//! Encoders with one score for a pair of texts.

use mlx_core::fast::Activation;
use mlx_core::{Array, Dtype, Result as MlxResult};
use mlx_nn::{LayerNorm, LayerNormOptions, Linear, Weights};
use mlx_text::Tokenizer;
use serde::Deserialize;
use serde_json::Value;

use super::{in_places, model_type};
use crate::batch::batches;
use crate::checkpoint::Checkpoint;
use crate::encoder::{self, Encoder, parse};
use crate::{Error, Packed, Result};

/// An encoder, its head and its tokenizer.
pub(super) struct Classifier {
    encoder: Box<dyn Encoder>,
    head: Head,
    /// Whether scores are brought between 0 and 1.
    bounded: bool,
    tokenizer: Tokenizer,
    longest: Option<usize>,
}

/// From the hidden states of a pair to its score.
struct Head {
    /// Whether all hidden states count, where else only the first does.
    mean: bool,
    dense: Linear,
    activation: Act,
    norm: Option<LayerNorm>,
    output: Linear,
}

#[derive(Clone, Copy)]
enum Act {
    Tanh,
    Relu,
    Of(Activation),
}

#[derive(Deserialize)]
struct Config {
    #[serde(alias = "dim")]
    hidden_size: i32,
    #[serde(default)]
    classifier_pooling: Option<String>,
    #[serde(default)]
    classifier_activation: Option<String>,
    #[serde(default)]
    classifier_bias: bool,
    #[serde(default)]
    norm_bias: bool,
    #[serde(default = "small")]
    norm_eps: f32,
    /// As sentence-transformers writes what is done to scores, since its version 4 and before.
    #[serde(default)]
    sentence_transformers: Nested,
    sbert_ce_default_activation_function: Option<String>,
}

#[derive(Default, Deserialize)]
struct Nested {
    activation_fn: Option<String>,
}

fn small() -> f32 {
    1e-5
}

impl Config {
    fn bounded(&self) -> Result<bool> {
        let named = self.sentence_transformers.activation_fn.as_ref();
        let Some(name) = named.or(self.sbert_ce_default_activation_function.as_ref()) else {
            return Ok(true);
        };
        match name.rsplit('.').next().unwrap_or_default() {
            "Sigmoid" => Ok(true),
            "Identity" => Ok(false),
            _ => Err(Error::config("config.json", format!("activation_fn `{name}` is not supported"))),
        }
    }
}

impl Classifier {
    pub(super) fn load(checkpoint: Checkpoint, dtype: Option<Dtype>) -> Result<Self> {
        let config: Config = parse("config.json", &checkpoint.config)?;
        let (encoder, head) =
            checkpoint.encoder_with(dtype, |w| Head::load(w, &checkpoint.config, &config))?;
        Ok(Self {
            bounded: config.bounded()?,
            longest: checkpoint.longest_pair(encoder.as_ref())?,
            tokenizer: checkpoint.tokenizer,
            encoder,
            head,
        })
    }

    pub(super) fn scores(&self, query: &str, documents: &[&str], batch_tokens: usize) -> Result<Vec<f32>> {
        let encode = |text: &&str| Ok(self.tokenizer.encode_pair_up_to(query, text, self.longest)?);
        let pairs = documents.iter().map(encode).collect::<Result<Vec<_>>>()?;
        let lengths: Vec<_> = pairs.iter().map(|pair| pair.ids.len()).collect();
        let mut scored = Vec::new();
        for batch in batches(&lengths, batch_tokens) {
            let packed = Packed::pairs(batch.iter().filter_map(|&at| pairs.get(at)));
            let scores = self.head.forward(&self.encoder.forward(&packed)?, &packed)?;
            let scores = if self.bounded { scores.sigmoid()? } else { scores };
            scored.push((batch, scores.astype(Dtype::Float32)?.to_vec()?));
        }
        Ok(in_places(documents.len(), scored))
    }
}

impl Head {
    /// The head by the names that the family gives its parts.
    fn load(w: &Weights, whole: &Value, config: &Config) -> Result<Self> {
        let hidden = config.hidden_size;
        let kind = model_type(whole);
        let (dense, output, activation) = match kind {
            "bert" => ("bert.pooler.dense", "classifier", Act::Tanh),
            "distilbert" => ("pre_classifier", "classifier", Act::Relu),
            "roberta" | "xlm-roberta" | "camembert" => ("classifier.dense", "classifier.out_proj", Act::Tanh),
            "modernbert" => {
                let name = config.classifier_activation.as_deref().unwrap_or("gelu");
                let activation = encoder::activation("classifier_activation", name)?;
                ("head.dense", "classifier", Act::Of(activation))
            }
            other => {
                let problem = format!("a `{other}` that scores pairs of texts is not supported");
                return Err(Error::config("config.json", problem));
            }
        };
        let labels = w.shape(&format!("{output}.weight")).and_then(|shape| shape.first().copied());
        match labels {
            Some(1) => {}
            Some(labels) => {
                let problem = format!("{output} has {labels} scores for a pair: a model that ranks has one");
                return Err(Error::config("the checkpoint", problem));
            }
            None => {
                return Err(Error::config("the checkpoint", format!("has no {output}: it is no reranker")));
            }
        }
        let modern = kind == "modernbert";
        let options = LayerNormOptions { eps: config.norm_eps, affine: true, bias: config.norm_bias };
        let norm = modern.then(|| LayerNorm::load(&w.at("head.norm"), hidden, options)).transpose()?;
        Ok(Self {
            mean: modern && config.classifier_pooling.as_deref() == Some("mean"),
            dense: w.linear_with_bias(dense, [hidden, hidden], !modern || config.classifier_bias)?,
            activation,
            norm,
            output: w.linear_with_bias(output, [1, hidden], true)?,
        })
    }

    /// Hidden states `[tokens, hidden]` to scores `[texts]`.
    fn forward(&self, hidden: &Array, texts: &Packed) -> MlxResult<Array> {
        let pooled =
            texts.each_group(hidden, |rows| if self.mean { rows.mean(1) } else { rows.index((.., 0)) })?;
        let x = match self.activation {
            Act::Tanh => self.dense.forward(&pooled)?.tanh()?,
            Act::Relu => mlx_nn::relu(&self.dense.forward(&pooled)?)?,
            Act::Of(activation) => self.dense.forward_then(&pooled, Some(activation), None)?,
        };
        let x = self.norm.as_ref().map(|norm| norm.forward(&x)).transpose()?.unwrap_or(x);
        self.output.forward(&x)?.squeeze(1)
    }
}
