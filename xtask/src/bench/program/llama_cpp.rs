//! `llama-bench` of llama.cpp.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::model::Weights;
use super::super::{child, llama_build};
use super::{Program, Speed, Work, number};

/// The program `llama-bench`.
pub struct LlamaCpp {
    path: PathBuf,
    version: String,
    work: Work,
}

impl LlamaCpp {
    /// Fetches and builds it unless it is there.
    pub fn new(root: &Path, work: Work) -> Result<Self> {
        let path = llama_build::program(root, "llama-bench")?;
        Ok(Self { path, version: llama_build::version(root)?, work })
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
