//! Transformers that read a text in both directions: tokens in, a hidden state of each out.

mod attention;
mod bert;
mod config;
mod decoder;
mod modern_bert;
mod nomic_bert;

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, Weights};
use serde_json::Value;

pub(crate) use self::config::{activation, check_sizes, parse};
pub(crate) use self::decoder::{is_decoder, of_decoder, states};
use crate::{Error, Packed, Result};

/// A model of texts.
pub trait Encoder: Module {
    /// Hidden states `[tokens, hidden]` of the tokens of some texts.
    fn forward(&self, texts: &Packed) -> MlxResult<Array>;

    /// The longest text, in tokens, that there are positions for; absent if there is no limit.
    fn longest(&self) -> Option<usize>;

    /// Whether tokens can be hidden from others, as [`Group::seen`](crate::Group::seen) says.
    fn hides_tokens(&self) -> bool {
        true
    }
}

macro_rules! encoders {
    ($($($name:literal)|+ => $family:ident,)*) => {
        /// The values of `model_type` that can be built.
        pub const KNOWN: &[&str] = &[$($($name),+),*];

        /// Builds the encoder that `config`, a `config.json`, describes from `weights`, all of which it must use.
        ///
        /// # Errors
        /// The architecture is unknown, a field is missing or not supported, or a weight is missing, left over or
        /// misshapen.
        pub fn build(config: &Value, weights: Weights) -> Result<Box<dyn Encoder>> {
            weights.build(|w| load(w, config))
        }

        /// The encoder of these weights, which may have more in them.
        pub(crate) fn load(w: &Weights, config: &Value) -> Result<Box<dyn Encoder>> {
            let kind = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
            match kind {
                $($($name)|+ => Ok(Box::new($family::load(w, config)?)),)*
                other => Err(Error::UnknownModel { found: other.to_owned(), known: KNOWN }),
            }
        }
    };
}

encoders! {
    "bert" | "distilbert" | "roberta" | "xlm-roberta" | "camembert" => bert,
    "modernbert" => modern_bert,
    "nomic_bert" => nomic_bert,
}

/// The scope of the encoder: a checkpoint of a whole model has it under one of `names`.
fn body(w: &Weights, names: &[&str], first: &str) -> Weights {
    let found = names.iter().map(|name| w.at(name)).find(|w| w.contains(first));
    found.unwrap_or_else(|| w.clone())
}
