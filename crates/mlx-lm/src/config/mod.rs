//! A checkpoint's `config.json`, in one form for all spellings.
//!
//! [`Config::new`] brings it into that form; `parse` reads from it and notes what was read, so that `finish` can
//! refuse a setting that the model passed over.

mod basics;
mod defaults;
mod moondream;
mod normal;
mod unread;

pub(crate) use basics::{Common, layers, positive, size};

use std::cell::RefCell;
use std::collections::BTreeSet;

use mlx_nn::QuantizationConfig;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use crate::{Error, Result};

/// A `config.json` in the form that models read.
///
/// The fields of a nested `text_config` are with the others. RoPE is `rope_theta`, `rope_scaling` and what differs in
/// sliding layers in `rope_layers`, however it was spelled. What the family's configs leave out is filled in, and
/// nulls are left out.
#[derive(Clone, Debug)]
pub struct Config {
    fields: Value,
    wrapper: Option<String>,
    read: RefCell<BTreeSet<&'static str>>,
}

impl Config {
    /// Brings the fields of a `config.json` into one form.
    ///
    /// # Errors
    /// It is no object, or RoPE is given in a form that is not known.
    pub fn new(config: Value) -> Result<Self> {
        let Value::Object(fields) = config else { return Err(Error::Config("is not an object".into())) };
        let (fields, wrapper) = normal::form(fields)?;
        Ok(Self { fields: fields.into(), wrapper, read: RefCell::default() })
    }

    /// The architecture of the whole, of which the decoder may be a part.
    pub fn model_type(&self) -> &str {
        self.wrapper.as_deref().unwrap_or_else(|| self.decoder_type())
    }

    /// The architecture of the decoder.
    pub(crate) fn decoder_type(&self) -> &str {
        self.fields.get("model_type").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether the decoder is a part of the model, and its weights are within a scope of their own.
    pub(crate) fn is_wrapped(&self) -> bool {
        self.wrapper.is_some()
    }

    /// The fields of `T`, which count as read; an error names the field that is missing or wrong.
    pub(crate) fn parse<T: for<'de> Deserialize<'de>>(&self) -> Result<T> {
        T::deserialize(Reading(self)).map_err(|e| Error::Config(e.to_string()))
    }

    /// The fields of `T`, which the decoder has still to read.
    pub(crate) fn peek<T: for<'de> Deserialize<'de>>(&self) -> Result<T> {
        T::deserialize(&self.fields).map_err(|e| Error::Config(e.to_string()))
    }

    /// Checks that the decoder has read every setting that changes its numbers.
    ///
    /// # Errors
    /// Lists those that it passed over.
    pub(crate) fn finish(&self) -> Result<()> {
        let none = Map::new();
        let passed = unread::passed_over(self.fields.as_object().unwrap_or(&none), &self.read.borrow());
        if passed.is_empty() {
            return Ok(());
        }
        let message = format!("{} of a `{}` is not supported", passed.join(", "), self.decoder_type());
        Err(Error::Config(message))
    }

    /// Says that the embedding is also the head.
    pub(crate) fn tie_embeddings(&mut self) {
        if let Some(fields) = self.fields.as_object_mut() {
            fields.insert("tie_word_embeddings".into(), true.into());
        }
    }

    /// How the weights are stored, if the config says so in MLX's way.
    pub(crate) fn quantization(&self) -> Result<Option<QuantizationConfig>> {
        #[derive(serde::Deserialize)]
        struct Stored {
            quantization: Option<QuantizationConfig>,
        }
        Ok(self.peek::<Stored>()?.quantization)
    }
}

/// The fields, where those that a struct asks for are noted.
struct Reading<'c>(&'c Config);

impl<'de, 'c: 'de> Deserializer<'de> for Reading<'c> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        (&self.0.fields).deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.read.borrow_mut().extend(fields);
        (&self.0.fields).deserialize_struct(name, fields, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize)]
    struct Bias {
        #[allow(dead_code, reason = "only that it is read counts")]
        attention_bias: bool,
    }

    #[test]
    fn a_setting_that_nobody_read_is_refused_by_its_name() {
        let config = Config::new(json!({"model_type": "llama", "attention_bias": true})).unwrap();
        assert_eq!(
            config.finish().unwrap_err().to_string(),
            "config.json: attention_bias of a `llama` is not supported"
        );
        config.peek::<Bias>().unwrap();
        assert!(config.finish().is_err());
        config.parse::<Bias>().unwrap();
        config.finish().unwrap();
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = Config::new(json!({})).unwrap().parse::<Bias>().err().unwrap();
        assert_eq!(error.to_string(), "config.json: missing field `attention_bias`");
    }
}
