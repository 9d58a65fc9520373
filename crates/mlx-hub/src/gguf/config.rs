//! A Hugging Face `config.json` made from GGUF metadata.

use serde_json::{Map, Value as Json, json};

use super::architecture::Architecture;
use super::checkpoint::ROPE_FACTORS;
use super::container::Container;
use super::value::Value;
use super::{family, rope};
use crate::Result;

/// Whole numbers that every file has: Hugging Face's key, GGUF's key after the architecture.
const WHOLE: &[(&str, &str)] = &[
    ("hidden_size", "embedding_length"),
    ("intermediate_size", "feed_forward_length"),
    ("num_hidden_layers", "block_count"),
    ("max_position_embeddings", "context_length"),
];

/// What a file without `rope.freq_base` means.
const DEFAULT_ROPE_THETA: f64 = 10_000.0;

/// How many attention heads a model has.
pub(super) struct Heads {
    pub(super) query: usize,
    pub(super) key_value: usize,
}

pub(super) fn heads(file: &Container, architecture: &Architecture) -> Result<Heads> {
    let metadata = Metadata { file, architecture };
    let query = metadata.whole("attention.head_count")?;
    let key_value = metadata.optional_whole("attention.head_count_kv")?.unwrap_or(query);
    Ok(Heads { query: query as usize, key_value: key_value as usize })
}

/// The configuration of a file, with the keys of its Hugging Face counterpart.
pub(super) fn read(file: &Container, architecture: &Architecture) -> Result<Json> {
    let metadata = Metadata { file, architecture };
    let heads = heads(file, architecture)?;
    let theta = metadata.float("rope.freq_base")?.unwrap_or(DEFAULT_ROPE_THETA);
    let mut config = Map::new();
    let mut set = |key: &str, value: Json| drop(config.insert(key.to_owned(), value));

    set("architectures", json!([architecture.class]));
    set("model_type", architecture.model_type.into());
    for (key, suffix) in WHOLE {
        set(key, metadata.whole(suffix)?.into());
    }
    set("num_attention_heads", heads.query.into());
    set("num_key_value_heads", heads.key_value.into());
    set("head_dim", metadata.head_dim(&heads)?.into());
    set("vocab_size", metadata.vocab_size()?.into());
    set("rms_norm_eps", metadata.required("attention.layer_norm_rms_epsilon", Metadata::float)?.into());
    set("hidden_act", architecture.activation.into());
    set("rope_theta", theta.into());
    set("rope_scaling", metadata.rope_scaling(theta)?);
    set("attention_bias", file.tensor("blk.0.attn_q.bias").is_some().into());
    set("mlp_bias", file.tensor("blk.0.ffn_gate.bias").is_some().into());
    set("tie_word_embeddings", file.tensor("output.weight").is_none().into());
    for name in ["bos", "eos"] {
        let key = format!("{name}_token_id");
        set(&key, file.value(&format!("tokenizer.ggml.{key}"), "a token id", Value::as_u64)?.into());
    }
    family::add(&metadata, &mut config)?;
    Ok(config.into())
}

/// The metadata of one architecture, read by the part of the key after its name.
pub(super) struct Metadata<'a> {
    pub(super) file: &'a Container,
    pub(super) architecture: &'a Architecture,
}

impl Metadata<'_> {
    fn key(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.architecture.name)
    }

    fn required<T>(&self, suffix: &str, read: fn(&Self, &str) -> Result<Option<T>>) -> Result<T> {
        read(self, suffix)?
            .ok_or_else(|| self.file.error(format!("metadata `{}` is missing", self.key(suffix))))
    }

    pub(super) fn whole(&self, suffix: &str) -> Result<u64> {
        self.required(suffix, Self::optional_whole)
    }

    /// A whole number, or a list that gives the same one for every layer.
    pub(super) fn optional_whole(&self, suffix: &str) -> Result<Option<u64>> {
        let one = |value: &Value| match value.as_array().map(|array| array.values()) {
            Some(values) => {
                let (first, rest) = values.split_first()?;
                first.as_u64().filter(|_| rest.iter().all(|value| value == first))
            }
            None => value.as_u64(),
        };
        self.file.value(&self.key(suffix), "one whole number for all layers", one)
    }

    pub(super) fn float(&self, suffix: &str) -> Result<Option<f64>> {
        self.file.value(&self.key(suffix), "a float", Value::as_f64)
    }

    fn text(&self, suffix: &str) -> Result<Option<String>> {
        self.file.value(&self.key(suffix), "text", |value| value.as_str().map(str::to_owned))
    }

    fn head_dim(&self, heads: &Heads) -> Result<u64> {
        if let Some(dim) = self.optional_whole("attention.key_length")? {
            return Ok(dim);
        }
        if let Some(dim) = self.optional_whole("rope.dimension_count")?
            && !self.architecture.turns_in_part()
        {
            return Ok(dim);
        }
        let hidden = self.whole("embedding_length")?;
        hidden.checked_div(heads.query as u64).ok_or_else(|| {
            self.file.error(format!("metadata `{}` is zero", self.key("attention.head_count")))
        })
    }

    /// The rows of the embedding, which may be more than the tokens.
    fn vocab_size(&self) -> Result<usize> {
        let rows = self.file.tensor("token_embd.weight").and_then(|tensor| tensor.shape.first());
        rows.copied().ok_or_else(|| self.file.error("the file has no tensor `token_embd.weight`"))
    }

    fn rope_scaling(&self, theta: f64) -> Result<Json> {
        if self.file.tensor(ROPE_FACTORS).is_some() {
            let factors = self.file.load(ROPE_FACTORS)?.to_f32();
            return rope::llama3_scaling(&factors, theta).ok_or_else(|| {
                self.file
                    .error(format!("the factors in `{ROPE_FACTORS}` are not those of llama3 rope scaling"))
            });
        }
        let Some(kind) = self.text("rope.scaling.type")?.filter(|kind| kind != "none") else {
            return Ok(Json::Null);
        };
        let mut scaling = json!({ "rope_type": kind });
        let factor = self.float("rope.scaling.factor")?.map(Json::from);
        let original = self.optional_whole("rope.scaling.original_context_length")?.map(Json::from);
        for (key, value) in [("factor", factor), ("original_max_position_embeddings", original)] {
            if let (Some(value), Some(fields)) = (value, scaling.as_object_mut()) {
                fields.insert(key.to_owned(), value);
            }
        }
        Ok(scaling)
    }
}
