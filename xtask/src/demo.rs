//! `cargo xtask demo`: from a fresh clone to a language model's answer.

use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::{assets, process, repo, vendor};

/// Fetch what is needed, build the `mlx` program, and let a small language model answer.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask demo
  cargo xtask demo --prompt \"Write a haiku about the sea.\"")]
pub struct Options {
    /// What to ask.
    #[arg(long, default_value = "What is the capital of France?")]
    pub prompt: String,
}

const MODEL: &str = "assets/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    let root = repo::root()?;
    timed("vendor", || vendor::run(&vendor::Options { backend: None }))?;
    timed("build", || {
        process::run(process::cargo().current_dir(&root).args(["build", "--release", "-p", "mlx-cli"]))
    })?;
    timed("assets", || assets::run(&assets::Options { groups: vec!["smollm2".into()] }))?;
    timed("generate", || {
        let mut mlx = std::process::Command::new(repo::target(&root)?.join("release/mlx"));
        mlx.args(["generate", "--model"]).arg(root.join(MODEL)).args(["--prompt", &options.prompt]);
        process::run(&mut mlx)
    })
}

fn timed(name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
    eprintln!("==> {name}");
    let start = Instant::now();
    step()?;
    eprintln!("==> {name} took {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
