//! The programs that are compared: each runs a model once and says how fast it was.

mod llama_cpp;
mod mlx_lm;
mod ours;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::Value;

pub use llama_cpp::LlamaCpp;
pub use mlx_lm::MlxLm;
pub use ours::{Ours, mlx};

use super::model::Weights;

/// A program to compare with, by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Peer {
    /// llama.cpp, built for this processor
    #[value(name = "llama.cpp")]
    LlamaCpp,
    /// Python's mlx-lm on the same libmlx
    #[value(name = "mlx-lm")]
    MlxLm,
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

    /// Reads a prompt of random tokens, writes behind it, and says how fast both went.
    fn measure(&self, weights: &Weights) -> Result<Speed>;
}

impl Peer {
    /// As one types it.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
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
