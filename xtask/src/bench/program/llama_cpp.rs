//! llama.cpp, built from its sources for this very processor.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::child;
use super::super::model::Weights;
use super::{Program, Speed, Work, number};
use crate::{pins, process, unpack};

/// What CMake is told. Its own threads are faster than OpenMP's, and its matrix kernels are on.
const SETTINGS: [&str; 10] = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DGGML_NATIVE=ON",
    "-DGGML_LLAMAFILE=ON",
    "-DGGML_OPENMP=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_SERVER=OFF",
    "-DLLAMA_BUILD_APP=OFF",
];

/// The program `llama-bench`.
pub struct LlamaCpp {
    path: PathBuf,
    version: String,
    work: Work,
}

impl LlamaCpp {
    /// Fetches and builds it under `vendor/llama.cpp` unless it is there.
    pub fn new(root: &Path, pin: &pins::LlamaCpp, work: Work) -> Result<Self> {
        let folder = root.join("vendor/llama.cpp");
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        // CMake remembers its folders without links.
        let folder = folder.canonicalize().with_context(|| folder.display().to_string())?;
        let source = folder.join("source");
        if !unpack::is_current(&source, &pin.archive.sha256) {
            let archive = pin.archive.fetch(&root.join("vendor/cache"))?;
            unpack::fill(&source, &pin.archive.sha256, |partial| {
                unpack::tar(&archive, &pin.folder, partial)
            })?;
        }
        let path = build(&cmake(&folder, &pin.cmake)?, &source, &folder.join("build"))?;
        let version = format!(
            "{} {}, -march=native, GGML_LLAMAFILE, no OpenMP",
            pin.archive.package, pin.archive.version
        );
        Ok(Self { path, version, work })
    }

    fn bench(
        &self,
        gguf: &Path,
        prompt: usize,
        generation: usize,
        depth: usize,
    ) -> Result<(f64, Option<u64>)> {
        let mut bench = Command::new(&self.path);
        bench.args(["-r", "1", "-o", "json", "-ngl", "0", "-m"]).arg(gguf);
        for (option, count) in [("-t", self.work.threads), ("-p", prompt), ("-n", generation), ("-d", depth)]
        {
            bench.args([option, &count.to_string()]);
        }
        let finished = child::finish(&mut bench)?;
        Ok((rate(&finished.stdout)?, finished.resident))
    }
}

impl Program for LlamaCpp {
    fn name(&self) -> &'static str {
        "llama.cpp"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn work(&self) -> Work {
        self.work
    }

    fn measure(&self, weights: &Weights) -> Result<Speed> {
        let Work { prompt, generation, .. } = self.work;
        let (reading, first) = self.bench(&weights.gguf, prompt, 0, 0)?;
        let (writing, second) = self.bench(&weights.gguf, 0, generation, prompt)?;
        Ok(Speed { prompt: reading, generation: writing, resident: first.max(second) })
    }
}

/// CMake in a Python environment of its own.
fn cmake(folder: &Path, version: &str) -> Result<PathBuf> {
    let venv = folder.join(format!("cmake-{version}"));
    let cmake = venv.join("bin/cmake");
    if !cmake.exists() {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let mut pip = Command::new(venv.join("bin/python"));
        process::run(pip.args(["-m", "pip", "install", "--quiet", &format!("cmake=={version}")]))?;
    }
    Ok(cmake)
}

/// Builds the one program that is needed; where it is built already, that takes a second.
fn build(cmake: &Path, source: &Path, folder: &Path) -> Result<PathBuf> {
    let program = folder.join("bin/llama-bench");
    let mut configure = Command::new(cmake);
    configure.arg("-S").arg(source).arg("-B").arg(folder).args(SETTINGS);
    process::output(&mut configure)?;
    let jobs = thread::available_parallelism().map_or(1, usize::from).to_string();
    let mut build = Command::new(cmake);
    build.arg("--build").arg(folder).args(["--target", "llama-bench", "--parallel", &jobs]);
    if program.exists() {
        process::output(&mut build)?;
    } else {
        eprintln!("==> building llama.cpp takes some minutes");
        process::run(build.stdout(io::stderr()))?;
    }
    Ok(program)
}

/// The one test's tokens a second.
fn rate(report: &str) -> Result<f64> {
    let tests: Value = serde_json::from_str(report).context("llama-bench printed no JSON")?;
    number(tests.get(0).context("llama-bench ran no test")?, "avg_ts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_the_report() {
        assert_eq!(rate("[{\"n_prompt\": 512, \"avg_ts\": 211.5, \"stddev_ts\": 0.0}]").unwrap(), 211.5);
        assert!(rate("[]").unwrap_err().to_string().contains("no test"));
    }
}
