//! A checkpoint's `config.json`, in one form for all spellings.

use mlx_nn::QuantizationConfig;
use serde::Deserialize;
use serde_json::Value;

use crate::{Error, Result};

/// A `config.json` in the form that models read: `rope_parameters` of transformers 5 becomes `rope_theta` and
/// `rope_scaling`, and nulls are left out.
#[derive(Clone, Debug)]
pub struct Config(Value);

impl Config {
    /// Brings the fields of a `config.json` into one form.
    pub fn new(config: Value) -> Result<Self> {
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
        Ok(Self(Value::Object(fields)))
    }

    /// The architecture.
    pub fn model_type(&self) -> &str {
        self.0.get("model_type").and_then(Value::as_str).unwrap_or_default()
    }

    /// The fields of `T`; an error names the field that is missing or wrong.
    pub(crate) fn parse<T: for<'de> Deserialize<'de>>(&self) -> Result<T> {
        T::deserialize(&self.0).map_err(|e| Error::Config(e.to_string()))
    }

    /// How the weights are stored, if the config says so in MLX's way.
    pub(crate) fn quantization(&self) -> Result<Option<QuantizationConfig>> {
        #[derive(Deserialize)]
        struct Stored {
            quantization: Option<QuantizationConfig>,
        }
        Ok(self.parse::<Stored>()?.quantization)
    }
}

/// The fields that every decoder's config has, whatever the architecture.
#[derive(Debug, Deserialize)]
pub(crate) struct Common {
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

    fn common(config: Value) -> Result<Common> {
        Config::new(config)?.parse()
    }

    #[test]
    fn rope_parameters_become_theta_and_scaling() {
        let config = json!({"rope_parameters": {"rope_theta": 5e5, "rope_type": "llama3"}, "head_dim": null});
        let expected = json!({"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3"}});
        assert_eq!(Config::new(config).unwrap().0, expected);
    }

    #[test]
    fn eos_ids_may_be_one_or_many() {
        let eos = |ids: Value| common(json!({"vocab_size": 8, "eos_token_id": ids})).unwrap().eos();
        assert_eq!(eos(json!(2)), [2]);
        assert_eq!(eos(json!([2, 3])), [2, 3]);
        assert!(eos(Value::Null).is_empty());
    }

    #[test]
    fn dynamic_scaling_stretches_the_context() {
        let context = |kind: &str| {
            let scaling = json!({"type": kind, "factor": 4.0});
            let stretched = json!({"vocab_size": 8, "max_position_embeddings": 100, "rope_scaling": scaling});
            common(stretched).unwrap().context()
        };
        assert_eq!((context("dynamic"), context("yarn")), (Some(400), Some(100)));
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = common(json!({})).unwrap_err();
        assert_eq!(error.to_string(), "config.json: missing field `vocab_size`");
    }
}
