//! `cargo xtask golden`: the fixtures under `crates/*/tests/golden`, made by the Python packages that
//! `xtask/golden/requirements*.txt` pin. It needs Python 3.11 or later and their downloads, so CI never runs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;

use crate::{process, python, repo};

/// The scripts of `xtask/golden`, one a topic, in the order they run.
pub const TOPICS: &[&str] = &[
    "activation",
    "codec",
    "conv",
    "convert",
    "ctc",
    "deepseek_ocr",
    "dense",
    "dropout",
    "embed",
    "fast_vlm",
    "florence2",
    "foreign",
    "gemma",
    "gemma3n",
    "gemma_vl",
    "glm_vl",
    "hear",
    "hybrid",
    "idefics3",
    "image_files",
    "init",
    "internvl",
    "kokoro",
    "lfm2_vl",
    "llama",
    "llava",
    "lora",
    "loss",
    "minicpm_resampled",
    "minicpm_v",
    "minilm",
    "moe",
    "moondream",
    "moonshine",
    "nemo",
    "norm",
    "ops",
    "optim",
    "paddle_ocr",
    "parts",
    "phi3_v",
    "pixtral",
    "pool",
    "positional",
    "prompt_cache",
    "quant",
    "quantized",
    "qwen3_asr",
    "qwen_vl",
    "recurrent",
    "rerank",
    "retrieval",
    "rope",
    "sampling",
    "score",
    "sensevoice",
    "sound",
    "speaker",
    "tiles",
    "tools",
    "transformer",
    "tubelets",
    "upsample",
    "vision",
    "vocoder",
    "voice",
];

/// Those whose reference is torch, which is large.
const WITH_TORCH: &[&str] = &[
    "embed",
    "fast_vlm",
    "florence2",
    "gemma3n",
    "gemma_vl",
    "glm_vl",
    "idefics3",
    "image_files",
    "internvl",
    "lfm2_vl",
    "llava",
    "minicpm_v",
    "minilm",
    "paddle_ocr",
    "pixtral",
    "qwen_vl",
    "rerank",
    "retrieval",
    "tiles",
    "tubelets",
    "vision",
];

/// Those whose references are of speech.
const WITH_SPEECH: &[&str] =
    &["codec", "ctc", "hear", "kokoro", "moonshine", "score", "sound", "speaker", "vocoder", "voice"];

/// Those whose reference is mlx-audio, which takes another MLX.
const WITH_MLX_AUDIO: &[&str] = &["nemo", "qwen3_asr", "sensevoice"];

/// Those whose reference is mlx-vlm, where transformers has no such model or processor.
const WITH_MLX_VLM: &[&str] = &["deepseek_ocr", "minicpm_resampled", "moondream", "parts", "phi3_v"];

/// A folder of packages for Python, and what lists them.
struct Environment {
    folder: &'static str,
    requirements: &'static str,
}

const MLX: Environment = Environment { folder: ".venv", requirements: "requirements.txt" };

const TORCH: Environment = Environment { folder: ".venv-torch", requirements: "requirements-torch.txt" };

const SPEECH: Environment = Environment { folder: ".venv-speech", requirements: "requirements-speech.txt" };

const MLX_AUDIO: Environment =
    Environment { folder: ".venv-mlx-audio", requirements: "requirements-mlx-audio.txt" };

const MLX_VLM: Environment =
    Environment { folder: ".venv-mlx-vlm", requirements: "requirements-mlx-vlm.txt" };

/// Rewrite the reference data of the tests with Python's MLX and mlx-lm.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask golden          rewrite all of it
  cargo xtask golden llama    rewrite the language models only")]
pub struct Options {
    /// What to rewrite, by the names of the scripts in `xtask/golden`; all of it if none is named.
    #[arg(value_name = "TOPIC")]
    pub topics: Vec<String>,
}

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    let topics = chosen(&options.topics)?;
    let root = repo::root()?;
    for topic in topics {
        let environment = match topic {
            _ if WITH_TORCH.contains(&topic) => &TORCH,
            _ if WITH_SPEECH.contains(&topic) => &SPEECH,
            _ if WITH_MLX_AUDIO.contains(&topic) => &MLX_AUDIO,
            _ if WITH_MLX_VLM.contains(&topic) => &MLX_VLM,
            _ => &MLX,
        };
        let python = ready(&root, environment)?;
        let script = root.join("xtask/golden").join(format!("{topic}.py"));
        process::run(Command::new(&python).arg("-B").arg(script).current_dir(&root))?;
    }
    Ok(())
}

fn chosen(topics: &[String]) -> Result<Vec<&str>> {
    if topics.is_empty() {
        return Ok(TOPICS.to_vec());
    }
    match topics.iter().find(|topic| !TOPICS.contains(&topic.as_str())) {
        Some(unknown) => bail!("no golden topic {unknown:?}: choose from {}", TOPICS.join(", ")),
        None => Ok(topics.iter().map(String::as_str).collect()),
    }
}

/// The interpreter of `.venv`, with MLX and mlx-lm.
pub fn ready_python(root: &Path) -> Result<PathBuf> {
    ready(root, &MLX)
}

/// The interpreter of the environment with torch.
pub fn with_torch(root: &Path) -> Result<PathBuf> {
    ready(root, &TORCH)
}

/// The interpreter of the environment with models of speech.
pub fn with_speech(root: &Path) -> Result<PathBuf> {
    ready(root, &SPEECH)
}

fn ready(root: &Path, environment: &Environment) -> Result<PathBuf> {
    let requirements = root.join("xtask/golden").join(environment.requirements);
    python::ready(&root.join(environment.folder), &requirements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_topic_means_all_of_them() {
        assert_eq!(chosen(&[]).ok().as_deref(), Some(TOPICS));
    }

    #[test]
    fn an_unknown_topic_is_named_with_what_is_known() {
        let message = chosen(&["lama".into()]).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(message.contains("\"lama\"") && message.contains(&TOPICS.join(", ")), "{message}");
    }

    #[test]
    fn every_topic_has_a_script() {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
        assert!(TOPICS.iter().all(|topic| scripts.join(format!("{topic}.py")).is_file()));
    }
}
