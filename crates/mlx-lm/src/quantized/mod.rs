//! Checkpoints that other programs quantized, brought into MLX's form or into floats layer by layer.
//!
//! Models know MLX's form only. Each format is a file here; [`affine`] is what most of them become.

mod affine;
mod awq;
mod bitnet;
mod bits;
mod compressed;
mod fp8;
mod gptq;
mod layers;
mod mxfp4;
mod targets;

use std::fmt;

use mlx_core::Dtype;
use mlx_nn::{QuantizationConfig, Weights};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::tensors::Arrays;
use crate::{Config, Error, Result};
use layers::Layers;

/// The values of `quant_method` that can be read.
const KNOWN: &str = "awq, bitnet, compressed-tensors, fbgemm_fp8, fp8, gptq, mxfp4, and MLX's own";

/// How a config says that weights are stored.
#[derive(Debug)]
pub(crate) enum Format {
    Floats,
    Mlx(QuantizationConfig),
    Awq(awq::Awq),
    BitNet(bitnet::BitNet),
    CompressedTensors(compressed::CompressedTensors),
    Fp8(fp8::Fp8),
    Gptq(gptq::Gptq),
    Mxfp4,
}

impl Format {
    /// What `config` says.
    ///
    /// # Errors
    /// The format is unknown, or one of its settings is.
    pub(crate) fn of(config: &Config) -> Result<Self> {
        #[derive(Deserialize)]
        struct Stored {
            quantization_config: Option<Value>,
        }
        if let Some(quantization) = config.quantization()? {
            return Ok(Self::Mlx(quantization));
        }
        let Some(settings) = config.peek::<Stored>()?.quantization_config else { return Ok(Self::Floats) };
        let Some(method) = settings.get("quant_method") else { return Ok(Self::Mlx(parse(settings)?)) };
        let method = method.as_str().unwrap_or_default().to_owned();
        Ok(match method.as_str() {
            "awq" => Self::Awq(parse::<awq::Awq>(settings)?.checked()?),
            "bitnet" => Self::BitNet(parse::<bitnet::BitNet>(settings)?.checked()?),
            "compressed-tensors" => {
                Self::CompressedTensors(parse::<compressed::Settings>(settings)?.checked()?)
            }
            "fp8" | "fbgemm_fp8" => Self::Fp8(parse::<fp8::Fp8>(settings)?.checked()?),
            "gptq" => Self::Gptq(parse::<gptq::Gptq>(settings)?.checked()?),
            "mxfp4" => Self::Mxfp4,
            "bitsandbytes" => {
                return Err(refusal(
                    "bitsandbytes stores codes whose tables its own kernels hold: take the original checkpoint, \
                     and quantize that",
                ));
            }
            _ => return Err(refusal(format!("quant_method `{method}` is not supported (known: {KNOWN})"))),
        })
    }

    /// `arrays` in MLX's form, lazily: all that is looked at are group indices and biases, a number for each column
    /// or row.
    ///
    /// Floats that are made of several arrays become `dtype`; without one, what the config computes in, or else
    /// the type of their scales.
    pub(crate) fn convert(
        self,
        config: &Config,
        mut arrays: Arrays,
        dtype: Option<Dtype>,
    ) -> Result<Weights> {
        let floats = dtype.map_or_else(|| declared_dtype(config), |dtype| Ok(Some(dtype)))?;
        let mut layers = Layers::new(&mut arrays, floats);
        let mut quantization = None;
        match self {
            Self::Floats => {}
            Self::Mlx(stored) => quantization = Some(stored),
            Self::Awq(awq) => awq.convert(&mut layers)?,
            Self::BitNet(bitnet) => bitnet.convert(&mut layers)?,
            Self::CompressedTensors(compressed) => compressed.convert(&mut layers)?,
            Self::Fp8(fp8) => fp8.convert(&mut layers)?,
            Self::Gptq(gptq) => gptq.convert(&mut layers)?,
            Self::Mxfp4 => mxfp4::convert(&mut layers)?,
        }
        let idle = layers.idle;
        let weights = Weights::new(arrays, quantization);
        weights.ignore(|key| idle.contains(key));
        Ok(weights)
    }
}

/// In words, for people.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Floats => f.write_str("none"),
            Self::Mlx(quantization) => write!(f, "MLX {}", quantization.default_scheme()),
            Self::Awq(awq) => awq.fmt(f),
            Self::BitNet(bitnet) => bitnet.fmt(f),
            Self::CompressedTensors(compressed) => compressed.fmt(f),
            Self::Fp8(fp8) => fp8.fmt(f),
            Self::Gptq(gptq) => gptq.fmt(f),
            Self::Mxfp4 => f.write_str("MXFP4 experts"),
        }
    }
}

/// An error about the settings of a format.
fn refusal(why: impl fmt::Display) -> Error {
    Error::Config(format!("quantization_config: {why}"))
}

fn parse<T: DeserializeOwned>(settings: Value) -> Result<T> {
    serde_json::from_value(settings).map_err(refusal)
}

/// What the config computes in, if it says so.
pub(crate) fn declared_dtype(config: &Config) -> Result<Option<Dtype>> {
    #[derive(Deserialize)]
    struct Declared {
        dtype: Option<String>,
        torch_dtype: Option<String>,
    }
    let Declared { dtype, torch_dtype } = config.peek()?;
    Ok(match dtype.or(torch_dtype).as_deref().map(|name| name.trim_start_matches("torch.")) {
        Some("float16") => Some(Dtype::Float16),
        Some("bfloat16") => Some(Dtype::Bfloat16),
        Some("float32") => Some(Dtype::Float32),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn format(settings: Value) -> Result<String, String> {
        let config = Config::new(json!({"quantization_config": settings})).unwrap();
        Format::of(&config).map(|format| format.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_unknown_method_names_itself_and_those_that_are_known() {
        let error = format(json!({"quant_method": "exl9"})).unwrap_err();
        assert!(error.starts_with("config.json: quantization_config: quant_method `exl9` is not"), "{error}");
        assert!(error.contains("gptq"), "{error}");
    }

    #[test]
    fn bitsandbytes_is_refused_with_the_reason() {
        let error = format(json!({"quant_method": "bitsandbytes", "load_in_4bit": true})).unwrap_err();
        assert!(error.contains("its own kernels"), "{error}");
    }

    #[test]
    fn options_that_cannot_be_read_are_named() {
        let group = |weights: Value, format: &str| {
            let groups = json!({"group_0": {"targets": ["Linear"], "weights": weights}});
            json!({"quant_method": "compressed-tensors", "format": format, "config_groups": groups})
        };
        for (settings, named) in [
            (json!({"quant_method": "gptq", "bits": 5, "group_size": 128}), "bits is 5"),
            (json!({"quant_method": "gptq", "bits": 4, "group_size": 0}), "group_size is 0"),
            (
                json!({"quant_method": "gptq", "bits": 4, "group_size": 128, "checkpoint_format": "marlin"}),
                "checkpoint_format `marlin`",
            ),
            (json!({"quant_method": "gptq", "group_size": 128}), "missing field `bits`"),
            (json!({"quant_method": "awq", "bits": 3, "group_size": 128}), "bits is 3"),
            (
                json!({"quant_method": "awq", "bits": 4, "group_size": 64, "version": "gemv"}),
                "version `gemv`",
            ),
            (json!({"quant_method": "fp8", "fmt": "e5m2"}), "fmt `e5m2`"),
            (json!({"quant_method": "fp8", "weight_block_size": [0, 128]}), "weight_block_size"),
            (json!({"quant_method": "bitnet", "quantization_mode": "online"}), "quantization_mode `online`"),
            (json!({"quant_method": "bitnet", "use_rms_norm": true}), "use_rms_norm"),
            (json!({"quant_method": "bitnet", "linear_class": "other"}), "linear_class `other`"),
            (group(json!({"num_bits": 4, "type": "int"}), "marlin-24"), "format `marlin-24`"),
            (group(json!({"num_bits": 3, "type": "int"}), "pack-quantized"), "3-bit int"),
            (group(json!({"num_bits": 8, "type": "float"}), "pack-quantized"), "8-bit float"),
            (
                group(json!({"num_bits": 4, "type": "int", "strategy": "odd"}), "pack-quantized"),
                "strategy `odd`",
            ),
        ] {
            let error = format(settings).unwrap_err();
            assert!(error.contains(named), "{named} is not in: {error}");
        }
    }

    #[test]
    fn formats_are_told_in_words() {
        let gptq = json!({"quant_method": "gptq", "bits": 4, "group_size": -1, "desc_act": true});
        assert_eq!(format(gptq).as_deref(), Ok("GPTQ 4-bit, one group a row"));
        let fp8 = json!({"quant_method": "fp8", "weight_block_size": [128, 128]});
        assert_eq!(format(fp8).as_deref(), Ok("FP8 in blocks of 128 x 128"));
        assert_eq!(
            format(json!({"bits": 4, "group_size": 64})).as_deref(),
            Ok("MLX affine 4-bit, groups of 64")
        );
        assert_eq!(format(Value::Null).as_deref(), Ok("none"));
    }
}
