//! compressed-tensors: groups of layers, each stored in its own way.

use std::collections::BTreeMap;
use std::fmt;

use mlx_core::{Array, Dtype, Quantization, QuantizationMode, Quantized};
use serde::Deserialize;

use super::affine::{Affine, Zeros};
use super::fp8::{self, Block};
use super::layers::{FLOATS, Form, Layer, Layers};
use super::targets::Targets;
use super::{bits, gptq, refusal};
use crate::Result;

/// Its settings as they are in a config.
#[derive(Deserialize)]
pub(super) struct Settings {
    format: Option<String>,
    #[serde(default)]
    config_groups: BTreeMap<String, Stored>,
    #[serde(default)]
    ignore: Vec<String>,
    sparsity_config: Option<Sparsity>,
}

#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    targets: Vec<String>,
    format: Option<String>,
    weights: Option<Numbers>,
}

#[derive(Deserialize)]
struct Numbers {
    num_bits: i32,
    #[serde(rename = "type")]
    kind: String,
    strategy: Option<String>,
    block_structure: Option<Block>,
}

#[derive(Deserialize)]
struct Sparsity {
    format: Option<String>,
}

/// Which layers are stored in which way.
#[derive(Debug)]
pub(crate) struct CompressedTensors {
    groups: Vec<(Targets, Scheme)>,
    ignored: Targets,
}

/// How a layer is stored.
#[derive(Clone, Copy, Debug)]
enum Scheme {
    /// Whole numbers in words of 32 bits, without signs.
    Packed {
        bits: i32,
    },
    /// Bytes with signs.
    Int8,
    Float8 {
        block: Option<Block>,
    },
    Nvfp4,
    Mxfp4,
}

impl Settings {
    /// Checks that the settings are known.
    pub(super) fn checked(self) -> Result<CompressedTensors> {
        match self.sparsity_config.and_then(|sparsity| sparsity.format).as_deref() {
            None | Some("dense") => {}
            Some(other) => {
                return Err(refusal(format!("sparsity format `{other}` is not supported (known: dense)")));
            }
        }
        let mut groups = Vec::new();
        for stored in self.config_groups.into_values() {
            let Some(weights) = stored.weights else { continue };
            let format = stored.format.or_else(|| self.format.clone()).unwrap_or_default();
            groups.push((Targets::new(&stored.targets)?, weights.scheme(&format)?));
        }
        Ok(CompressedTensors { groups, ignored: Targets::new(&self.ignore)? })
    }
}

impl Numbers {
    fn scheme(self, format: &str) -> Result<Scheme> {
        match self.strategy.as_deref() {
            None | Some("tensor" | "channel" | "group" | "tensor_group" | "block") => {}
            Some(other) => {
                let known = "known: tensor, channel, group, tensor_group, block";
                return Err(refusal(format!("strategy `{other}` is not supported ({known})")));
            }
        }
        fp8::check_block("block_structure", self.block_structure)?;
        match (format, self.num_bits, self.kind.as_str()) {
            ("pack-quantized", bits @ (4 | 8), "int") => Ok(Scheme::Packed { bits }),
            ("int-quantized" | "naive-quantized", 8, "int") => Ok(Scheme::Int8),
            ("float-quantized" | "naive-quantized", 8, "float") => {
                Ok(Scheme::Float8 { block: self.block_structure })
            }
            ("nvfp4-pack-quantized", 4, "float") => Ok(Scheme::Nvfp4),
            ("mxfp4-pack-quantized", 4, "float") => Ok(Scheme::Mxfp4),
            (format, bits, kind) => Err(refusal(format!(
                "format `{format}` with {bits}-bit {kind} is not supported (known: pack-quantized with 4 or 8-bit \
                 int, int-quantized with 8-bit int, float-quantized with 8-bit float, nvfp4-pack-quantized, \
                 mxfp4-pack-quantized)"
            ))),
        }
    }
}

impl CompressedTensors {
    pub(super) fn convert(&self, layers: &mut Layers<'_>) -> Result<()> {
        layers.forget(&fp8::ACTIVATIONS);
        for path in layers.with("weight_scale") {
            if let Some(scheme) = self.scheme(&path) {
                scheme.convert(layers.at(path))?;
            }
        }
        Ok(())
    }

    /// How the layer at `path` is stored, by the target that names it most closely.
    fn scheme(&self, path: &str) -> Option<Scheme> {
        if self.ignored.find(path).is_some() {
            return None;
        }
        let found = self.groups.iter().filter_map(|(targets, scheme)| Some((targets.find(path)?, *scheme)));
        found.max_by_key(|&(closeness, _)| closeness).map(|(_, scheme)| scheme)
    }
}

impl Scheme {
    fn convert(self, layer: Layer<'_>) -> Result<()> {
        match self {
            Self::Packed { bits } => packed(layer, bits),
            Self::Int8 => int8(layer),
            Self::Float8 { block } => fp8::put(layer, "weight_scale", block),
            Self::Nvfp4 => nvfp4(layer),
            Self::Mxfp4 => mxfp4(layer),
        }
    }
}

/// Whole numbers in words along a row; zero points are packed down a column.
fn packed(mut layer: Layer<'_>, bits: i32) -> Result<()> {
    let words = layer.words("weight_packed")?;
    layer.take("weight_shape");
    let scales = scales(&mut layer, words.dim(0)?)?;
    let [rows, groups] = scales.dims()?;
    let middle = 1 << (bits - 1);
    let zeros = match layer.dtype_of("weight_zero_point") {
        None => Zeros::Same(middle),
        // Early versions of the format do not pack them.
        Some(Dtype::Int8) => {
            let stored = layer.need("weight_zero_point", &[Dtype::Int8], 2)?;
            Zeros::Each((stored.astype(Dtype::Int32)? + middle)?)
        }
        Some(_) => {
            let words = layer.words("weight_zero_point")?.t()?;
            Zeros::Each(bits::unpack(&words, bits)?.t()?.index(..rows)?)
        }
    };
    let index = gptq::group_index(&mut layer, "weight_g_idx", groups)?;
    Affine { words, bits, scales, zeros, index }.put(layer)
}

/// Bytes with signs, which become those without by turning the highest bit.
fn int8(mut layer: Layer<'_>) -> Result<()> {
    let stored = layer.need("weight", &[Dtype::Int8], 2)?;
    let [rows, columns] = stored.dims()?;
    if columns % 4 != 0 {
        return Err(layer.misfit("weight", &stored, "a number of inputs that 4 divides"));
    }
    let turn = Array::from_slice(&[0x8080_8080_u32], [1])?;
    let words = (stored.contiguous(false)?.view(Dtype::Uint32)? ^ turn)?;
    let scales = scales(&mut layer, rows)?;
    let zeros = match layer.take("weight_zero_point") {
        Some(stored) if scales.size() % stored.size().max(1) != 0 => {
            return Err(layer.misfit("weight_zero_point", &stored, format!("{:?}", scales.shape())));
        }
        Some(stored) => {
            let shifted = (stored.astype(Dtype::Float32)? + 128.0)?;
            Zeros::Each(shifted.reshape([-1, scales.dim(1)?])?.broadcast_to(scales.shape())?)
        }
        None => Zeros::Same(128),
    };
    Affine { words, bits: 8, scales, zeros, index: None }.put(layer)
}

/// The scales `[rows, groups]`: there is one for all, for each row or for each group.
fn scales(layer: &mut Layer<'_>, rows: i32) -> Result<Array> {
    let Some(scales) = layer.take("weight_scale") else { return layer.scales("weight_scale") };
    if !FLOATS.contains(&scales.dtype()) {
        return Err(layer.misfit("weight_scale", &scales, "floats"));
    }
    Ok(match scales.ndim() {
        0 | 1 if scales.size() == 1 => scales.reshape([1, 1])?.broadcast_to([rows, 1])?,
        1 => scales.expand_dims(-1)?,
        _ => scales,
    })
}

/// Floats of 4 bits with a scale for 16, and one for all that they are divided by.
fn nvfp4(mut layer: Layer<'_>) -> Result<()> {
    let weight = layer.need("weight_packed", &[Dtype::Uint8], 2)?.contiguous(false)?.view(Dtype::Uint32)?;
    let scales = layer.need("weight_scale", &[Dtype::Uint8], 2)?;
    let all = layer.need("weight_global_scale", &[Dtype::Float32], 1)?;
    if all.size() != 1 {
        return Err(layer.misfit("weight_global_scale", &all, "one scale"));
    }
    layer.take("input_global_scale");
    let scheme = Quantization { mode: QuantizationMode::Nvfp4, bits: 4, group_size: 16 };
    let dtype = layer.dtype(&all);
    let stored = Quantized::new(weight, scales, None, scheme);
    let weight = (stored.dequantize(Some(Dtype::Float32))? / all)?.astype(dtype)?;
    layer.put(Form::Dense(weight));
    Ok(())
}

/// MLX's own mxfp4 under other names.
fn mxfp4(mut layer: Layer<'_>) -> Result<()> {
    let weight = layer.need("weight_packed", &[Dtype::Uint8], 2)?.contiguous(false)?.view(Dtype::Uint32)?;
    let scales = layer.need("weight_scale", &[Dtype::Uint8], 2)?;
    let scheme = Quantization { mode: QuantizationMode::Mxfp4, bits: 4, group_size: 32 };
    layer.put(Form::Quantized(Quantized::new(weight, scales, None, scheme)));
    Ok(())
}

impl fmt::Display for CompressedTensors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("compressed-tensors")?;
        for (at, (_, scheme)) in self.groups.iter().enumerate() {
            write!(f, "{} {scheme}", if at == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packed { bits } => write!(f, "int{bits}, packed"),
            Self::Int8 => f.write_str("int8"),
            Self::Float8 { .. } => f.write_str("FP8"),
            Self::Nvfp4 => f.write_str("NVFP4"),
            Self::Mxfp4 => f.write_str("MXFP4"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_layer_is_stored_as_the_closest_target_says_unless_it_is_ignored() {
        let group = |bits: i32, targets: &[&str]| json!({"targets": targets, "weights": {"num_bits": bits, "type": "int", "strategy": "channel"}});
        let settings = json!({
            "format": "pack-quantized",
            "config_groups": {"a": group(8, &["re:.*mlp.*", "x.up"]), "b": group(4, &["Linear", "x.mlp.up"])},
            "ignore": ["lm_head", "re:.*gate$"],
        });
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let compressed = settings.checked().unwrap();
        let bits = |path: &str| match compressed.scheme(path) {
            Some(Scheme::Packed { bits }) => bits,
            _ => 0,
        };
        let paths = ["x.attn.q", "x.mlp.down", "x.mlp.up", "x.up", "lm_head", "x.mlp.gate"];
        assert_eq!(paths.map(bits), [4, 8, 4, 8, 0, 0]);
    }

    #[test]
    fn a_group_may_have_a_format_of_its_own() {
        let weights =
            json!({"num_bits": 8, "type": "float", "strategy": "block", "block_structure": [128, 128]});
        let group = json!({"targets": ["Linear"], "format": "float-quantized", "weights": weights});
        let settings = json!({"format": "mixed-precision", "config_groups": {"a": group}});
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let scheme = settings.checked().unwrap().scheme("x");
        assert!(matches!(scheme, Some(Scheme::Float8 { block: Some([128, 128]) })), "{scheme:?}");
    }

    #[test]
    fn sparse_matrices_are_refused() {
        let settings = json!({"sparsity_config": {"format": "sparse-24-bitmask"}});
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let error = settings.checked().unwrap_err().to_string();
        assert!(error.contains("`sparse-24-bitmask` is not supported"), "{error}");
    }
}
