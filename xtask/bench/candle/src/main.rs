//! `candle-bench MODEL PROMPT_TOKENS GENERATION_TOKENS`: how fast candle reads random tokens and writes.
//!
//! MODEL is a GGUF file of Llama, Qwen 2 or Qwen 3, or a folder of Qwen 3 with `config.json` and `model.safetensors`.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use candle_core::quantized::gguf_file::Content;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{quantized_llama, quantized_qwen2, quantized_qwen3, qwen3};
use serde_json::{Value, json};

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    // One pool of threads stays awake between products.
    match Device::Cpu.with_context(|| run(&words)) {
        Ok(speed) => {
            println!("{speed}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Result<Value> {
    let [model, prompt, generation] = words else {
        bail!("usage: candle-bench MODEL PROMPT_TOKENS GENERATION_TOKENS");
    };
    let (mut model, vocabulary) = load(Path::new(model)).with_context(|| model.clone())?;
    let prompt = tokens(prompt.parse()?, vocabulary);
    let count = generation.parse()?;
    ensure!(!prompt.is_empty() && count > 1, "too few tokens to measure");
    model.trial(&prompt, count)?;
    let (reading, writing) = model.trial(&prompt, count)?;
    Ok(json!({
        "prompt_tps": prompt.len() as f64 / reading.as_secs_f64(),
        "generation_tps": (count - 1) as f64 / writing.as_secs_f64(),
    }))
}

/// Tokens that look random and are the same each time, by Knuth's linear congruences (MMIX).
fn tokens(count: usize, vocabulary: usize) -> Vec<u32> {
    let mut state = 0_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % vocabulary.max(1) as u64) as u32
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// A model of candle's that is ready to run.
enum Model {
    Llama(quantized_llama::ModelWeights),
    Qwen2(quantized_qwen2::ModelWeights),
    Qwen3(quantized_qwen3::ModelWeights),
    Dense(qwen3::ModelForCausalLM),
}

/// Reads a model, and says how many tokens it knows.
fn load(path: &Path) -> Result<(Model, usize)> {
    if path.is_dir() { safetensors(path) } else { gguf(path) }
}

fn gguf(path: &Path) -> Result<(Model, usize)> {
    let mut file = BufReader::new(File::open(path)?);
    let content = Content::read(&mut file)?;
    let embedding = content.tensor_infos.get("token_embd.weight").context("no token_embd.weight")?;
    let vocabulary = embedding.shape.dims2()?.0;
    let architecture = content.metadata.get("general.architecture").context("no general.architecture")?;
    let model = match architecture.to_string()?.as_str() {
        "llama" => {
            let weights = quantized_llama::ModelWeights::from_gguf(content, &mut file, &Device::Cpu)?;
            Model::Llama(weights)
        }
        "qwen2" => {
            let weights = quantized_qwen2::ModelWeights::from_gguf(content, &mut file, &Device::Cpu)?;
            Model::Qwen2(weights)
        }
        "qwen3" => {
            let weights = quantized_qwen3::ModelWeights::from_gguf(content, &mut file, &Device::Cpu)?;
            Model::Qwen3(weights)
        }
        other => bail!("the architecture {other} is not among llama, qwen2 and qwen3"),
    };
    Ok((model, vocabulary))
}

/// Floats stay as long as they are, but bfloat16, of which candle makes float32 for every product, becomes float16.
fn safetensors(folder: &Path) -> Result<(Model, usize)> {
    let mut config: Value = serde_json::from_reader(File::open(folder.join("config.json"))?)?;
    let architecture = config["model_type"].as_str().unwrap_or("without a name");
    ensure!(architecture == "qwen3", "the architecture {architecture} is not qwen3");
    ensure!(config.get("quantization").is_none(), "candle does not read MLX's quantized matrices");
    let dtype = if config["torch_dtype"] == "float32" { DType::F32 } else { DType::F16 };
    // Files may leave these out, which candle does not.
    for (field, value) in [
        ("attention_bias", json!(false)),
        ("use_sliding_window", json!(false)),
        ("max_window_layers", json!(0)),
    ] {
        config.as_object_mut().context("no object")?.entry(field).or_insert(value);
    }
    let config: qwen3::Config = serde_json::from_value(config)?;
    let bytes = std::fs::read(folder.join("model.safetensors"))?;
    let weights = VarBuilder::from_buffered_safetensors(bytes, dtype, &Device::Cpu)?;
    Ok((Model::Dense(qwen3::ModelForCausalLM::new(&config, weights)?), config.vocab_size))
}

impl Model {
    /// Time up to the first token, and from the first to the last one.
    fn trial(&mut self, prompt: &[u32], count: usize) -> Result<(Duration, Duration)> {
        self.forget();
        let started = Instant::now();
        let mut token = self.next(prompt, 0)?;
        let first = Instant::now();
        for offset in prompt.len()..prompt.len() + count - 1 {
            token = self.next(&[token], offset)?;
        }
        Ok((first.duration_since(started), first.elapsed()))
    }

    /// The most likely token behind some that follow `offset` others.
    fn next(&mut self, tokens: &[u32], offset: usize) -> Result<u32> {
        let tokens = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
        let logits = match self {
            Self::Llama(model) => model.forward(&tokens, offset),
            Self::Qwen2(model) => model.forward(&tokens, offset),
            Self::Qwen3(model) => model.forward(&tokens, offset),
            Self::Dense(model) => model.forward(&tokens, offset),
        };
        Ok(logits?.flatten_all()?.argmax(0)?.to_scalar()?)
    }

    fn forget(&mut self) {
        match self {
            Self::Llama(model) => model.clear_kv_cache(),
            Self::Qwen2(model) => model.clear_kv_cache(),
            Self::Qwen3(model) => model.clear_kv_cache(),
            Self::Dense(model) => model.clear_kv_cache(),
        }
    }
}
