//! `mlx bench` of this repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::super::child;
use super::super::model::Weights;
use super::{Program, Speed, Work};
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
        let version = process::output(Command::new(path).arg("--version"))?.trim().to_owned();
        Ok(Self { path: path.to_owned(), version, work })
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
        Speed::last(&finished).context("mlx bench")
    }
}
