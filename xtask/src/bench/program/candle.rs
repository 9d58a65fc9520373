//! candle, through a small program over its models that is built for this very processor.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::super::child;
use super::super::model::Weights;
use super::{Program, Speed, Work};
use crate::process;

const FOLDER: &str = "xtask/bench/candle";
const LOCK: &str = include_str!("../../../bench/candle/Cargo.lock");
const FLAGS: &str = "-C target-cpu=native";

/// The program `candle-bench`.
pub struct Candle {
    path: PathBuf,
    version: String,
    work: Work,
}

impl Candle {
    /// Builds it under the folder of the weights; where it is built already, that takes a second.
    pub fn new(root: &Path, cache: &Path, work: Work) -> Result<Self> {
        let target = cache.join("candle-target");
        let path = target.join("release/candle-bench");
        let mut build = process::cargo();
        build.args(["build", "--quiet", "--release", "--locked", "--manifest-path"]);
        build.arg(root.join(FOLDER).join("Cargo.toml")).arg("--target-dir").arg(&target);
        build.env("RUSTFLAGS", FLAGS).env_remove("CARGO_ENCODED_RUSTFLAGS");
        if !path.exists() {
            eprintln!("==> building candle takes some minutes");
        }
        process::run(build.stdout(io::stderr()))?;
        let version = format!("candle {}, {FLAGS}; bfloat16 as float16", locked(LOCK, "candle-core")?);
        Ok(Self { path, version, work })
    }
}

impl Program for Candle {
    fn name(&self) -> &'static str {
        "candle"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn work(&self) -> Work {
        self.work
    }

    fn runs(&self, weights: &Weights) -> bool {
        match &*weights.architecture {
            "qwen3" => true,
            "llama" | "qwen2" => weights.quantized,
            _ => false,
        }
    }

    fn measure(&self, weights: &Weights) -> Result<Speed> {
        let Work { prompt, generation, threads } = self.work;
        let model = if weights.quantized { &weights.gguf } else { &weights.mlx };
        let mut bench = Command::new(&self.path);
        bench.arg(model).args([prompt, generation].map(|count| count.to_string()));
        let finished = child::finish(bench.env("RAYON_NUM_THREADS", threads.to_string()))?;
        Speed::last(&finished).context("candle")
    }
}

/// The version of a package that a lock file holds.
fn locked(lock: &str, package: &str) -> Result<String> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Package>,
    }

    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
    }

    let Lock { package: packages } = toml::from_str(lock).context("candle's Cargo.lock")?;
    let found = packages.into_iter().find(|one| one.name == package);
    found.map(|one| one.version).with_context(|| format!("candle's Cargo.lock names no {package}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(architecture: &str, quantized: bool) -> Weights {
        let (gguf, mlx) = ("model.gguf".into(), "mlx".into());
        Weights { gguf, mlx, architecture: architecture.to_owned(), quantized }
    }

    #[test]
    fn the_lock_file_tells_the_version() {
        assert!(locked(LOCK, "candle-core").unwrap().starts_with("0."));
        assert!(locked(LOCK, "no-such").unwrap_err().to_string().contains("names no no-such"));
    }

    #[test]
    fn it_runs_what_candle_has_in_that_form() {
        let work = Work { prompt: 5, generation: 3, threads: 2 };
        let candle = Candle { path: PathBuf::new(), version: String::new(), work };
        let runs = |architecture, quantized| candle.runs(&weights(architecture, quantized));
        assert!(runs("qwen3", true) && runs("qwen3", false) && runs("llama", true) && runs("qwen2", true));
        assert!(!runs("llama", false) && !runs("gemma3_text", true));
    }
}
