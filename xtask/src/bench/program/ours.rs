//! `mlx bench` of this repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::super::child;
use super::super::model::Weights;
use super::{Program, Side, Speed, Work};
use crate::{process, repo};

/// The program `mlx`.
pub struct Ours {
    path: PathBuf,
    version: String,
    work: Work,
    side: Side,
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
        Ok(Self { path: path.to_owned(), version, work, side: Side::Ours })
    }

    /// The same with activations rounded to int8.
    pub fn int8(path: &Path, work: Work) -> Result<Self> {
        let exact = Self::new(path, work)?;
        Ok(Self { version: format!("{} bench --precision int8", exact.version), side: Side::Int8, ..exact })
    }
}

impl Program for Ours {
    fn name(&self) -> &'static str {
        match self.side {
            Side::Int8 => "mlx, int8 activations",
            Side::Ours | Side::Theirs => "mlx (this repository)",
        }
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn work(&self) -> Work {
        self.work
    }

    fn side(&self) -> Side {
        self.side
    }

    /// Activations are rounded before quantized matrices only.
    fn runs(&self, weights: &Weights) -> bool {
        self.side != Side::Int8 || weights.quantized
    }

    fn measure(&self, weights: &Weights) -> Result<Speed> {
        let Work { prompt, generation, threads } = self.work;
        let mut bench = Command::new(&self.path);
        bench.args(["bench", "--json", "-n", "1", "--model"]).arg(&weights.mlx);
        bench.args(["-p", &prompt.to_string(), "-g", &generation.to_string()]);
        if self.side == Side::Int8 {
            bench.args(["--precision", "int8"]);
        }
        if cfg!(target_os = "linux") {
            bench.args(["--threads", &threads.to_string()]);
        }
        let finished = child::finish(bench.env("MLX_NUM_THREADS", threads.to_string()))?;
        Speed::last(&finished).context("mlx bench")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn int8_leaves_out_weights_without_codes() {
        let work = Work { prompt: 512, generation: 128, threads: 2 };
        let ours = |side| Ours { path: PathBuf::new(), version: String::new(), work, side };
        let weights = |quantized| Weights {
            gguf: PathBuf::new(),
            mlx: PathBuf::new(),
            architecture: "qwen3".to_owned(),
            quantized,
        };
        assert!(ours(Side::Ours).runs(&weights(false)) && ours(Side::Int8).runs(&weights(true)));
        assert!(!ours(Side::Int8).runs(&weights(false)));
        assert_ne!(ours(Side::Ours).name(), ours(Side::Int8).name());
    }
}
