//! One form for all spellings of a config, before a model reads it.

use mlx_nn::QuantizationConfig;
use serde::Deserialize;
use serde_json::Value;

use crate::{Error, Result};

/// The fields that every decoder's config has, whatever the architecture.
#[derive(Debug, Deserialize)]
pub(crate) struct Common {
    pub(crate) model_type: String,
    pub(crate) vocab_size: usize,
    max_position_embeddings: Option<usize>,
    rope_scaling: Option<Stretch>,
    eos_token_id: Option<Ids>,
}

/// What a RoPE scaling says about the length that it allows.
#[derive(Debug, Deserialize)]
struct Stretch {
    #[serde(alias = "type")]
    rope_type: Option<String>,
    factor: Option<f64>,
}

/// One id or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Ids {
    One(u32),
    Many(Vec<u32>),
}

impl Common {
    /// The longest text in tokens. Linear and dynamic scaling stretch the positions that the config counts;
    /// with the other kinds it counts stretched ones.
    pub(crate) fn context(&self) -> Option<usize> {
        let positions = self.max_position_embeddings?;
        let stretches = |s: &&Stretch| matches!(s.rope_type.as_deref(), Some("linear" | "dynamic"));
        let factor = self.rope_scaling.as_ref().filter(stretches).and_then(|s| s.factor).unwrap_or(1.0);
        Some((positions as f64 * factor.max(1.0)) as usize)
    }

    /// The ids that end a text.
    pub(crate) fn eos(&self) -> Vec<u32> {
        match &self.eos_token_id {
            None => Vec::new(),
            Some(Ids::One(id)) => vec![*id],
            Some(Ids::Many(ids)) => ids.clone(),
        }
    }
}

/// Brings a config into the form that models read:
/// `rope_parameters` of transformers 5 becomes `rope_theta` and `rope_scaling`, nulls are left out.
pub(crate) fn normalise(config: Value) -> Result<Value> {
    let Value::Object(mut fields) = config else { return Err(Error::Config("is not an object".into())) };
    fields.retain(|_, value| !value.is_null());
    if let Some(Value::Object(mut rope)) = fields.remove("rope_parameters") {
        if let Some(theta) = rope.remove("rope_theta") {
            fields.insert("rope_theta".into(), theta);
        }
        if !rope.is_empty() {
            fields.entry("rope_scaling").or_insert(Value::Object(rope));
        }
    }
    Ok(Value::Object(fields))
}

/// `config` as `T`; an error names the field.
pub(crate) fn parse<T: for<'de> Deserialize<'de>>(config: &Value) -> Result<T> {
    T::deserialize(config).map_err(|e| Error::Config(e.to_string()))
}

/// How the config says that weights are stored in MLX's formats.
pub(crate) fn quantization(config: &Value) -> Result<Option<QuantizationConfig>> {
    config.get("quantization").filter(|value| !value.is_null()).map(parse).transpose()
}

/// Checks that a size is at least 1 and small enough to multiply with others.
pub(crate) fn size(field: &str, value: i32) -> Result<i32> {
    const LARGEST: i32 = 1 << 24;
    if (1..=LARGEST).contains(&value) {
        return Ok(value);
    }
    Err(Error::Config(format!("{field} is {value}: it must be between 1 and {LARGEST}")))
}

/// Checks a number of layers, which a loop will go over.
pub(crate) fn layers(count: usize) -> Result<usize> {
    const MOST: usize = 4096;
    if count <= MOST {
        return Ok(count);
    }
    Err(Error::Config(format!("num_hidden_layers is {count}: it must be at most {MOST}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rope_parameters_become_theta_and_scaling() {
        let config = json!({"rope_parameters": {"rope_theta": 5e5, "rope_type": "llama3"}, "head_dim": null});
        let expected = json!({"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3"}});
        assert_eq!(normalise(config).unwrap(), expected);
    }

    #[test]
    fn eos_ids_may_be_one_or_many() {
        let eos = |ids: Value| {
            let config = json!({"model_type": "llama", "vocab_size": 8, "eos_token_id": ids});
            parse::<Common>(&config).unwrap().eos()
        };
        assert_eq!(eos(json!(2)), [2]);
        assert_eq!(eos(json!([2, 3])), [2, 3]);
        assert!(eos(Value::Null).is_empty());
    }

    #[test]
    fn dynamic_scaling_stretches_the_context() {
        let context = |kind: &str| {
            let scaling = json!({"type": kind, "factor": 4.0});
            let config = json!({"model_type": "llama", "vocab_size": 8, "max_position_embeddings": 100, "rope_scaling": scaling});
            parse::<Common>(&config).unwrap().context()
        };
        assert_eq!((context("dynamic"), context("yarn")), (Some(400), Some(100)));
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = parse::<Common>(&json!({"model_type": "llama"})).unwrap_err();
        assert_eq!(error.to_string(), "config.json: missing field `vocab_size`");
    }
}
