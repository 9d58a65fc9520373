//! The programs that are compared: each runs a model once and says how fast it was.

mod candle;
mod llama_cpp;
mod mlx_lm;
mod ours;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::Value;

pub use candle::Candle;
pub use llama_cpp::LlamaCpp;
pub use mlx_lm::MlxLm;
pub use ours::{Ours, mlx};

use super::child::Finished;
use super::model::Weights;

/// A program to compare ours with, by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Peer {
    /// llama.cpp, built for this processor
    #[value(name = "llama.cpp")]
    LlamaCpp,
    /// candle, built for this processor
    Candle,
    /// Python's mlx-lm on the same libmlx
    #[value(name = "mlx-lm")]
    MlxLm,
    /// Ours with activations rounded to int8
    Int8,
}

/// Whose a program is: ours is compared with theirs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Side {
    Ours,
    /// Ours with activations rounded to int8, which is compared with every other program.
    Int8,
    Theirs,
}

/// How much to read and to write, and with how many threads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    pub prompt: usize,
    pub generation: usize,
    pub threads: usize,
}

/// How fast a program was, in tokens a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    pub prompt: f64,
    pub generation: f64,
    /// Bytes of memory that were resident at most; `None` where the system does not tell.
    pub resident: Option<u64>,
}

/// A program that is ready to run.
pub trait Program {
    /// What the table calls it.
    fn name(&self) -> &'static str;

    /// Its version, and what it was built with.
    fn version(&self) -> &str;

    /// What it does in one run.
    fn work(&self) -> Work;

    /// Whose it is.
    fn side(&self) -> Side {
        Side::Theirs
    }

    /// Whether it can run these weights: if not, the table has no row of it.
    fn runs(&self, _: &Weights) -> bool {
        true
    }

    /// Reads a prompt of random tokens, writes behind it, and says how fast both went.
    fn measure(&self, weights: &Weights) -> Result<Speed>;
}

impl Peer {
    /// As one types it.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl Speed {
    /// What the last line says that a program printed, an object of JSON.
    fn last(finished: &Finished) -> Result<Self> {
        let last = finished.stdout.lines().next_back().context("it printed nothing")?;
        let last: Value = serde_json::from_str(last).with_context(|| last.to_owned())?;
        Ok(Self {
            prompt: number(&last, "prompt_tps")?,
            generation: number(&last, "generation_tps")?,
            resident: finished.resident,
        })
    }
}

/// A number of an object.
fn number(object: &Value, field: &str) -> Result<f64> {
    object.get(field).and_then(Value::as_f64).with_context(|| format!("no number {field:?} in {object}"))
}

impl std::fmt::Display for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} + {} tokens", self.prompt, self.generation)
    }
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "prompt {:.2} tokens/s, generation {:.2} tokens/s", self.prompt, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts() {
        let stdout = "{\"trial\":1,\"prompt_tps\":1.0,\"generation_tps\":1.0}\n\
            {\"trials\":1,\"prompt_tps\":20.5,\"generation_tps\":3.0,\"peak_memory\":0.1}\n";
        let finished = Finished { stdout: stdout.to_owned(), resident: Some(7) };
        let expected = Speed { prompt: 20.5, generation: 3.0, resident: Some(7) };
        assert_eq!(Speed::last(&finished).unwrap(), expected);
        let finished = Finished { stdout: "{\"prompt_tps\":1.0}".to_owned(), resident: None };
        let error = format!("{:#}", Speed::last(&finished).unwrap_err());
        assert!(error.contains("generation_tps"), "{error}");
    }
}
