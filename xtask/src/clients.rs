//! `cargo xtask clients`: `mlx serve`, asked by the official clients of OpenAI and Anthropic.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::archive::Refused;
use crate::{assets, process, python, repo, vendor};

/// Ask `mlx serve` with the official Python clients of OpenAI and Anthropic, and check what it answers.
///
/// It needs Python 3.11 or later, and downloads the clients and small models. Exit code 3 means that a download was refused.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask clients                  all checks
  cargo xtask clients chat errors      those of some topics")]
pub struct Options {
    /// Which checks, by the names of the scripts in `crates/mlx-serve/tests/clients`; all of them if none is named.
    #[arg(value_name = "TOPIC")]
    pub topics: Vec<String>,
}

/// What is served.
const ASSETS: [&str; 5] = ["kokoro", "minilm", "smollm2", "speech", "whisper-tiny.en"];

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    vendor::run(&vendor::Options { backend: None })?;
    process::run(process::cargo().current_dir(repo::root()?).args(["build", "-p", "mlx-cli"]))?;
    test(options)
}

/// The checks alone, of the program that is built.
pub fn test(options: &Options) -> Result<()> {
    let root = repo::root()?;
    assets::run(&assets::Options { groups: ASSETS.map(String::from).to_vec() })?;
    let scripts = root.join("crates/mlx-serve/tests/clients");
    let python = clients(&root, &scripts)?;
    let mut script = Command::new(python);
    script.arg("-B").arg(scripts.join("run.py")).arg("--mlx").arg(repo::target(&root)?.join("debug/mlx"));
    process::run(script.arg("--root").arg(&root).args(&options.topics))
}

/// The interpreter with the clients.
fn clients(root: &Path, scripts: &Path) -> Result<std::path::PathBuf> {
    let ready = python::ready(&root.join(".venv-clients"), &scripts.join("requirements.txt"));
    ready.map_err(|error| Refused(format!("the clients cannot be installed: {error:#}")).into())
}
