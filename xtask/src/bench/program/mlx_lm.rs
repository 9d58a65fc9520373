//! Python's mlx-lm, in the environment that the reference data comes from.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::super::child;
use super::super::model::Weights;
use super::{Program, Speed, Work};
use crate::golden;

const SCRIPT: &str = include_str!("mlx_lm.py");
const REQUIREMENTS: &str = include_str!("../../../golden/requirements.txt");

/// Python with mlx-lm.
pub struct MlxLm {
    python: PathBuf,
    version: String,
    work: Work,
}

impl MlxLm {
    /// Installs it under `.venv` unless it is there.
    pub fn new(root: &Path, work: Work) -> Result<Self> {
        let version =
            format!("mlx-lm {} on mlx {}", pinned(REQUIREMENTS, "mlx-lm"), pinned(REQUIREMENTS, "mlx"));
        Ok(Self { python: golden::ready_python(root)?, version, work })
    }
}

impl Program for MlxLm {
    fn name(&self) -> &'static str {
        "Python mlx-lm"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn work(&self) -> Work {
        self.work
    }

    fn measure(&self, weights: &Weights) -> Result<Speed> {
        let Work { prompt, generation, threads } = self.work;
        let mut python = Command::new(&self.python);
        python.args(["-B", "-c", SCRIPT]).arg(&weights.mlx);
        python.args([prompt, generation, threads].map(|count| count.to_string()));
        let finished = child::finish(&mut python).context("mlx-lm")?;
        Speed::last(&finished).context("mlx-lm")
    }
}

/// The version of a Python package that a requirements file pins.
fn pinned<'a>(requirements: &'a str, package: &str) -> &'a str {
    let version = |line: &'a str| {
        let (name, version) = line.split_once("==")?;
        (name.split('[').next()? == package).then(|| version.trim())
    };
    requirements.lines().find_map(version).unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_versions_are_found() {
        assert_eq!(pinned("mlx[cpu]==0.1\nmlx-lm==0.2\n", "mlx"), "0.1");
        assert_eq!(pinned("mlx[cpu]==0.1\nmlx-lm==0.2\n", "mlx-lm"), "0.2");
        assert!(["mlx", "mlx-lm"].iter().all(|package| pinned(REQUIREMENTS, package) != "?"));
    }
}
