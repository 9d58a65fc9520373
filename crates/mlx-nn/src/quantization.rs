//! What a config says about quantized layers.

use std::collections::BTreeMap;

use mlx_core::{Quantization, QuantizationMode};
use serde::de::IgnoredAny;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::{Error, Result};

/// The `quantization` of a `config.json`: how layers are stored, with exceptions by path.
///
/// The arrays themselves say how they are stored, so only what is declared for one layer must agree with them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Stored")]
pub struct QuantizationConfig {
    default: Quantization,
    layers: BTreeMap<String, Option<Quantization>>,
}

impl QuantizationConfig {
    /// One scheme for all layers.
    pub fn new(scheme: Quantization) -> Self {
        Self { default: scheme, layers: BTreeMap::new() }
    }

    /// One scheme for all layers, in which MLX's defaults for `mode` are in place of what is not given.
    ///
    /// # Errors
    /// MLX has no kernels for it; what it has is listed.
    pub fn of_mode(mode: QuantizationMode, bits: Option<i32>, group_size: Option<i32>) -> Result<Self> {
        let scheme = complete(mode, bits, group_size);
        scheme.map(Self::new).map_err(|why| Error::config("quantization", why))
    }

    /// With another scheme for the layer at `path`, or none: a dense layer.
    #[must_use]
    pub fn with_layer(mut self, path: impl Into<String>, scheme: Option<Quantization>) -> Self {
        self.layers.insert(path.into(), scheme);
        self
    }

    /// The scheme of layers that have no other.
    pub fn default_scheme(&self) -> Quantization {
        self.default
    }

    /// What is declared for the layer at `path` alone; `Some(None)` is a dense layer.
    pub(crate) fn layer(&self, path: &str) -> Option<Option<Quantization>> {
        self.layers.get(path).copied()
    }
}

/// The form in `config.json`.
impl Serialize for QuantizationConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let settings = Settings::from(self.default);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("group_size", &settings.group_size)?;
        map.serialize_entry("bits", &settings.bits)?;
        map.serialize_entry("mode", &settings.mode)?;
        for (path, scheme) in &self.layers {
            match scheme {
                Some(scheme) => map.serialize_entry(path, &Settings::from(*scheme))?,
                None => map.serialize_entry(path, &false)?,
            }
        }
        map.end()
    }
}

/// Whether MLX has kernels for a scheme.
pub(crate) fn is_supported(scheme: Quantization) -> bool {
    matches!(
        (scheme.mode, scheme.bits, scheme.group_size),
        (QuantizationMode::Affine, 2 | 3 | 4 | 5 | 6 | 8, 32 | 64 | 128)
            | (QuantizationMode::Mxfp4, 4, 32)
            | (QuantizationMode::Mxfp8, 8, 32)
            | (QuantizationMode::Nvfp4, 4, 16)
    )
}

/// The form in `config.json`: settings, and among them the paths of layers.
#[derive(Deserialize)]
struct Stored {
    #[serde(flatten)]
    default: Settings,
    #[serde(flatten)]
    layers: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a quantization is `true`, `false` or {group_size, bits, mode}")]
enum Entry {
    Switch(bool),
    Settings(Settings),
    /// Keys that are no paths, such as `quant_method`.
    Text(#[allow(dead_code, reason = "only its type is read")] String),
    Number(#[allow(dead_code, reason = "only its type is read")] f64),
    List(#[allow(dead_code, reason = "only its type is read")] Vec<IgnoredAny>),
    Null(()),
}

#[derive(Deserialize, Serialize)]
struct Settings {
    group_size: Option<i32>,
    bits: Option<i32>,
    mode: Option<String>,
}

impl TryFrom<Stored> for QuantizationConfig {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let mut config = Self::new(stored.default.scheme().map_err(|why| format!("quantization: {why}"))?);
        for (path, entry) in stored.layers {
            let scheme = match entry {
                Entry::Switch(false) => None,
                Entry::Switch(true) => Some(config.default),
                Entry::Settings(settings) => {
                    Some(settings.scheme().map_err(|why| format!("quantization of {path}: {why}"))?)
                }
                Entry::Text(_) | Entry::Number(_) | Entry::List(_) | Entry::Null(()) => continue,
            };
            config.layers.insert(path, scheme);
        }
        Ok(config)
    }
}

impl From<Quantization> for Settings {
    fn from(scheme: Quantization) -> Self {
        let Quantization { mode, bits, group_size } = scheme;
        Self { group_size: Some(group_size), bits: Some(bits), mode: Some(mode.name().to_owned()) }
    }
}

impl Settings {
    /// The scheme, completed with MLX's defaults.
    fn scheme(self) -> Result<Quantization, String> {
        let name = self.mode.as_deref().unwrap_or("affine");
        let mode = QuantizationMode::named(name)
            .ok_or_else(|| format!("unknown mode `{name}`: one of affine, mxfp4, mxfp8, nvfp4"))?;
        complete(mode, self.bits, self.group_size)
    }
}

/// The scheme with MLX's defaults, if MLX has kernels for it.
fn complete(
    mode: QuantizationMode,
    bits: Option<i32>,
    group_size: Option<i32>,
) -> Result<Quantization, String> {
    let (usual_bits, usual_group) = match mode {
        QuantizationMode::Affine => (4, 64),
        QuantizationMode::Mxfp4 => (4, 32),
        QuantizationMode::Mxfp8 => (8, 32),
        QuantizationMode::Nvfp4 => (4, 16),
    };
    let (bits, group_size) = (bits.unwrap_or(usual_bits), group_size.unwrap_or(usual_group));
    let scheme = Quantization { mode, bits, group_size };
    if is_supported(scheme) {
        return Ok(scheme);
    }
    Err(format!(
        "{scheme} is not supported: affine has 2, 3, 4, 5, 6 or 8 bits in groups of 32, 64 or 128, \
         mxfp4 4 in 32, mxfp8 8 in 32, nvfp4 4 in 16"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(json: Value) -> Result<QuantizationConfig, String> {
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_and_exceptions_are_told_apart() {
        let config = parse(json!({
            "group_size": 32, "bits": 8, "mode": "affine", "quant_method": "mlx", "skip": ["a"], "version": 2,
            "a.b": {"bits": 6, "group_size": 128}, "c": false, "d": true, "e": {"mode": "nvfp4"}, "f": null,
        }));
        let expected = QuantizationConfig::new(Quantization::affine(8, 32))
            .with_layer("a.b", Some(Quantization::affine(6, 128)))
            .with_layer("c", None)
            .with_layer("d", Some(Quantization::affine(8, 32)))
            .with_layer("e", Some(Quantization { mode: QuantizationMode::Nvfp4, bits: 4, group_size: 16 }));
        assert_eq!(config, Ok(expected));
    }

    #[test]
    fn what_is_left_out_is_as_in_mlx() {
        assert_eq!(parse(json!({})).unwrap().default_scheme(), Quantization::affine(4, 64));
        let mxfp8 = Quantization { mode: QuantizationMode::Mxfp8, bits: 8, group_size: 32 };
        assert_eq!(parse(json!({"mode": "mxfp8"})).unwrap().default_scheme(), mxfp8);
    }

    #[test]
    fn a_scheme_that_mlx_lacks_is_refused_with_those_it_has() {
        let error = parse(json!({"bits": 7})).unwrap_err();
        assert!(
            error.starts_with("quantization: affine 7-bit, groups of 64 is not supported: affine has"),
            "{error}"
        );
        let error = parse(json!({"a.b": {"group_size": 0}})).unwrap_err();
        assert!(
            error.starts_with("quantization of a.b: affine 4-bit, groups of 0 is not supported"),
            "{error}"
        );
        let error = parse(json!({"mode": "q4_k"})).unwrap_err();
        assert_eq!(error, "quantization: unknown mode `q4_k`: one of affine, mxfp4, mxfp8, nvfp4");
    }

    #[test]
    fn a_mode_alone_has_its_usual_bits_and_groups() {
        let scheme = |mode, bits| QuantizationConfig::of_mode(mode, bits, None).unwrap().default_scheme();
        assert_eq!(scheme(QuantizationMode::Affine, Some(8)), Quantization::affine(8, 64));
        assert_eq!(scheme(QuantizationMode::Nvfp4, None).group_size, 16);
        let error = QuantizationConfig::of_mode(QuantizationMode::Mxfp4, Some(8), None).unwrap_err();
        assert!(error.to_string().starts_with("quantization: mxfp4 8-bit, groups of 32 is not"), "{error}");
    }

    #[test]
    fn an_exception_of_the_wrong_form_is_refused() {
        let error = parse(json!({"a.b": {"bits": "four"}})).unwrap_err();
        assert_eq!(error, "a quantization is `true`, `false` or {group_size, bits, mode}");
    }
}
