//! The models that are measured: random weights of known shapes, and real checkpoints.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::Value;

use super::llama_build;
use super::shape::{Format, Shape};
use super::synthetic;
use crate::{assets, process, unpack};

/// A model by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Model {
    /// Random weights in the shape of Qwen3-0.6B, 4.5 bits a weight
    #[value(name = "qwen3-0.6b")]
    Qwen3Small,
    /// Random weights in the shape of Qwen3-1.7B, 4.5 bits a weight
    #[value(name = "qwen3-1.7b")]
    Qwen3Medium,
    /// Random weights in the shape of Qwen3-0.6B, bfloat16
    #[value(name = "qwen3-0.6b-bf16")]
    Qwen3SmallBfloat16,
    /// Random weights in the shape of Qwen3-0.6B, float32
    #[value(name = "qwen3-0.6b-f32")]
    Qwen3SmallFloat32,
    /// SmolLM2-135M-Instruct, Q4_1
    #[value(name = "smollm2-135m")]
    SmolLm2,
    /// Qwen2.5-Coder-0.5B-Instruct, Q4_K_M
    #[value(name = "qwen2.5-coder-0.5b")]
    QwenCoder,
    /// Qwen2.5-Coder-0.5B-Instruct, every matrix Q4_1
    #[value(name = "qwen2.5-coder-0.5b-q4_1")]
    QwenCoderQ41,
}

/// The same weights in every form that some program reads.
pub struct Weights {
    /// The file for llama.cpp.
    pub gguf: PathBuf,
    /// The folder for ours and Python's mlx-lm.
    pub mlx: PathBuf,
    /// As `config.json` calls it: `qwen3`, for instance.
    pub architecture: String,
    /// Whether matrices are codes with scales, rather than floats.
    pub quantized: bool,
}

/// A GGUF file of an asset group.
#[derive(Clone, Copy)]
struct Asset {
    group: &'static str,
    file: &'static str,
    /// How its matrices are stored anew, as llama.cpp calls it.
    coding: Option<&'static str>,
}

const QWEN3_SMALL: Shape = Shape {
    layers: 28,
    hidden: 1024,
    inner: 3072,
    heads: 16,
    kv_heads: 8,
    head: 128,
    vocabulary: 151_936,
    format: Format::FourBits,
};

const QWEN3_MEDIUM: Shape = Shape { hidden: 2048, inner: 6144, ..QWEN3_SMALL };

const SMOLLM2: Asset = Asset { group: "smollm2", file: "SmolLM2-135M-Instruct.Q4_1.gguf", coding: None };

const QWEN_CODER: Asset =
    Asset { group: "qwen25coder", file: "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", coding: None };

impl Weights {
    fn new(gguf: PathBuf, mlx: PathBuf) -> Result<Self> {
        let path = mlx.join("config.json");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let config: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        let architecture = config.get("model_type").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self { gguf, mlx, architecture, quantized: config.get("quantization").is_some() })
    }

    /// How many bytes ours reads.
    pub fn bytes(&self) -> u64 {
        size(&self.mlx)
    }
}

impl Model {
    /// As one types it.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What it is, in a line.
    pub fn about(self) -> String {
        let value = self.to_possible_value();
        value.and_then(|value| value.get_help().map(ToString::to_string)).unwrap_or_default()
    }

    /// Makes or fetches the weights under `target/bench` and `assets`; a refused download is an error.
    pub fn weights(self, root: &Path, cache: &Path, mlx: &Path) -> Result<Weights> {
        let folder = cache.join(self.name());
        match self {
            Self::Qwen3Small => self.made(&QWEN3_SMALL, &folder),
            Self::Qwen3Medium => self.made(&QWEN3_MEDIUM, &folder),
            Self::Qwen3SmallBfloat16 => {
                self.made(&Shape { format: Format::Bfloat16, ..QWEN3_SMALL }, &folder)
            }
            Self::Qwen3SmallFloat32 => self.made(&Shape { format: Format::Float32, ..QWEN3_SMALL }, &folder),
            Self::SmolLm2 => SMOLLM2.fetched(root, &folder, mlx),
            Self::QwenCoder => QWEN_CODER.fetched(root, &folder, mlx),
            Self::QwenCoderQ41 => Asset { coding: Some("Q4_1"), ..QWEN_CODER }.fetched(root, &folder, mlx),
        }
    }

    fn made(self, shape: &Shape, folder: &Path) -> Result<Weights> {
        let checkpoint = synthetic::make(&self.name(), shape, folder)?;
        Weights::new(checkpoint.gguf, checkpoint.mlx)
    }
}

impl Asset {
    /// The file, and what ours writes once in MLX's form: the same codes, with scales that are halves as well.
    fn fetched(self, root: &Path, folder: &Path, mlx: &Path) -> Result<Weights> {
        let Self { group, file, coding } = self;
        assets::run(&assets::Options { groups: vec![group.to_owned()] })?;
        let fetched = root.join("assets").join(group).join(file);
        let gguf = |folder: &Path| coding.map_or(fetched.clone(), |_| folder.join("model.gguf"));
        if !unpack::is_current(folder, group) {
            unpack::fill(folder, group, |partial| {
                if let Some(coding) = coding {
                    requantize(root, &fetched, coding, &gguf(partial))?;
                }
                let mut convert = Command::new(mlx);
                convert.args(["convert", "--model"]).arg(gguf(partial));
                convert.arg("--mlx-path").arg(partial.join("mlx"));
                process::output(&mut convert).map(drop).context("in MLX's form")
            })?;
        }
        Weights::new(gguf(folder), folder.join("mlx"))
    }
}

/// Writes a GGUF file with every matrix in another coding.
fn requantize(root: &Path, from: &Path, coding: &str, to: &Path) -> Result<()> {
    let mut quantize = Command::new(llama_build::program(root, "llama-quantize")?);
    quantize.args(["--allow-requantize", "--pure"]).arg(from).arg(to).arg(coding);
    process::output(&mut quantize).map(drop)
}

/// How many bytes a file holds, or a folder with all that is in it.
fn size(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else {
        return path.metadata().map_or(0, |data| data.len());
    };
    entries.flatten().map(|entry| size(&entry.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes_have_as_many_weights_as_the_models() {
        for (shape, millions) in [(QWEN3_SMALL, 596), (QWEN3_MEDIUM, 1_720)] {
            let weights: usize = shape.parts().iter().map(|part| part.rows.max(1) * part.columns).sum();
            assert_eq!(weights / 1_000_000, millions);
        }
    }

    #[test]
    fn weights_know_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let read = |config: &str| {
            std::fs::write(folder.path().join("config.json"), config).unwrap();
            Weights::new(PathBuf::new(), folder.path().to_owned())
        };
        let weights = read("{\"model_type\": \"qwen2\", \"quantization\": {\"bits\": 4}}").unwrap();
        assert!(weights.architecture == "qwen2" && weights.quantized);
        assert!(
            !read(&Shape { format: Format::Float32, ..QWEN3_SMALL }.config().to_string()).unwrap().quantized
        );
        assert!(format!("{:#}", read("{").err().unwrap()).contains("config.json"));
    }

    #[test]
    fn every_model_says_what_it_is() {
        for model in Model::value_variants() {
            assert!(!model.name().is_empty() && !model.about().is_empty(), "{model:?}");
        }
    }
}
