//! `mlx bench` of this repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::child;
use super::super::model::Weights;
use super::{Program, Speed, Work, number};
use crate::{process, repo};

/// The program `mlx`.
pub struct Ours {
    path: PathBuf,
    version: String,
    work: Work,
}

/// Builds `mlx`, or takes one that is built, and says where it is.
pub fn mlx(root: &Path, built: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = built {
        return path.canonicalize().with_context(|| path.display().to_string());
    }
    let mut build = process::cargo();
    process::run(build.current_dir(root).args(["build", "--release", "--package", "mlx-cli"]))?;
    Ok(repo::target(root)?.join("release/mlx"))
}

impl Ours {
    /// The program at this path.
    pub fn new(path: &Path, work: Work) -> Result<Self> {
        let version = process::output(Command::new(path).arg("--version"))?;
        Ok(Self { path: path.to_owned(), version: version.trim().to_owned(), work })
    }
}

impl Program for Ours {
    fn name(&self) -> &'static str {
        "mlx (this repository)"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn work(&self) -> Work {
        self.work
    }

    fn measure(&self, weights: &Weights) -> Result<Speed> {
        let Work { prompt, generation, threads } = self.work;
        let mut bench = Command::new(&self.path);
        bench.args(["bench", "--json", "-n", "1", "--model"]).arg(&weights.mlx);
        bench.args(["-p", &prompt.to_string(), "-g", &generation.to_string()]);
        if cfg!(target_os = "linux") {
            bench.args(["--threads", &threads.to_string()]);
        }
        let finished = child::finish(bench.env("MLX_NUM_THREADS", threads.to_string()))?;
        speed(&finished.stdout, finished.resident)
    }
}

fn speed(lines: &str, resident: Option<u64>) -> Result<Speed> {
    let last = lines.lines().next_back().context("mlx bench printed nothing")?;
    let last: Value = serde_json::from_str(last).with_context(|| last.to_owned())?;
    Ok(Speed { prompt: number(&last, "prompt_tps")?, generation: number(&last, "generation_tps")?, resident })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts() {
        let lines = "{\"trial\":1,\"prompt_tps\":1.0,\"generation_tps\":1.0}\n\
            {\"trials\":1,\"prompt_tps\":20.5,\"generation_tps\":3.0,\"peak_memory\":0.1}\n";
        let expected = Speed { prompt: 20.5, generation: 3.0, resident: Some(7) };
        assert_eq!(speed(lines, Some(7)).unwrap(), expected);
        let error = format!("{:#}", speed("{\"prompt_tps\":1.0}", None).unwrap_err());
        assert!(error.contains("generation_tps"), "{error}");
    }
}
