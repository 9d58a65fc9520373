//! What every decoder's config says, and checks of its sizes.

use serde::Deserialize;

use crate::{Error, Result};

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
    #[serde(rename = "type")]
    kind: Option<String>,
    rope_type: Option<String>,
    factor: Option<f64>,
    #[serde(default)]
    by_length: bool,
    original_max_position_embeddings: Option<usize>,
}

impl Stretch {
    fn kind(&self) -> Option<&str> {
        self.kind.as_deref().or(self.rope_type.as_deref())
    }
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
        let stretches = |s: &&Stretch| matches!(s.kind(), Some("linear" | "dynamic"));
        let factor = self.rope_scaling.as_ref().filter(stretches).and_then(|s| s.factor).unwrap_or(1.0);
        Some((positions as f64 * factor.max(1.0)) as usize)
    }

    /// The longest text whose tokens have the same scores however many run together: dynamic scaling, and factors by
    /// the length of the text, turn the tokens of a longer one by where those that run with them end.
    pub(crate) fn steady(&self) -> Option<usize> {
        let scaling = self.rope_scaling.as_ref()?;
        if scaling.by_length {
            return scaling.original_max_position_embeddings;
        }
        // What `Rotation` takes for a config without the field.
        (scaling.kind() == Some("dynamic")).then_some(self.max_position_embeddings.unwrap_or(2048))
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

/// Checks a number that is divided by, or whose root is taken.
pub(crate) fn positive(field: &str, value: f32) -> Result<f32> {
    if value > 0.0 && value.is_finite() {
        return Ok(value);
    }
    Err(Error::Config(format!("{field} is {value}: it must be a positive number")))
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
    use serde_json::{Value, json};

    use super::*;
    use crate::Config;

    fn common(config: Value) -> Common {
        Config::new(config).unwrap().peek().unwrap()
    }

    #[test]
    fn eos_ids_may_be_one_or_many() {
        let eos = |ids: Value| common(json!({"vocab_size": 8, "eos_token_id": ids})).eos();
        assert_eq!(eos(json!(2)), [2]);
        assert_eq!(eos(json!([2, 3])), [2, 3]);
        assert!(eos(Value::Null).is_empty());
    }

    #[test]
    fn dynamic_scaling_stretches_the_context() {
        let context = |kind: &str| {
            let scaling = json!({"type": kind, "factor": 4.0});
            common(json!({"vocab_size": 8, "max_position_embeddings": 100, "rope_scaling": scaling}))
                .context()
        };
        assert_eq!((context("dynamic"), context("yarn")), (Some(400), Some(100)));
    }
}
